/// CPU time of this process, in microseconds.
pub fn cpu() -> i64 {
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    assert_eq!(
        unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) },
        0,
        "getrusage failed"
    );
    let micros = |time: libc::timeval| time.tv_sec as i64 * 1_000_000 + time.tv_usec as i64;
    micros(usage.ru_utime) + micros(usage.ru_stime)
}

/// The bytes that the allocator has given out, its own bookkeeping included.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn memory() -> usize {
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn memory() -> usize {
    panic!("only glibc reports the memory in use")
}
