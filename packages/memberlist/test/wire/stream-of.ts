/** A stream that delivers `bytes` in chunks, then ends; or breaks with `error`. */
export function streamOf(bytes: Uint8Array, chunkSize: number, error?: Error): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at < bytes.length) {
        controller.enqueue(bytes.slice(at, at + chunkSize));
        at += chunkSize;
      } else if (error === undefined) {
        controller.close();
      } else {
        controller.error(error);
      }
    },
  });
}
