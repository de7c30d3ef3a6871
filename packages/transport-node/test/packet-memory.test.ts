import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { lanConfig } from "@memberlist/core";
import { createMemberlist } from "../src/create-memberlist.ts";
import { silent, until } from "./support.ts";

describe("the memory of packets", () => {
  it.each([
    [40, 1400],
    [1300, 1400],
    [8000, 8192],
    [60_000, 65_507],
  ])("does not change while packets wait for the kernel, with messages of %i bytes", async (size, udpBufferSize) => {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    socket.setRecvBufferSize(2 * 1024 * 1024);
    const { port } = socket.address();
    let received = 0;
    let isOver = false;
    const wrong: Buffer[] = [];
    socket.on("message", (packet) => {
      if (packet.length === 1) {
        isOver = true;
        return;
      }
      received++;
      // The last message of the packet: all its bytes are the same.
      const content = packet.subarray(-size);
      if (content.some((byte) => byte !== content[0])) wrong.push(packet);
    });
    const list = await createMemberlist({
      ...lanConfig(),
      name: "a",
      bindAddr: "127.0.0.1",
      bindPort: 0,
      udpBufferSize,
      enableCompression: false,
      logger: silent,
    });
    const to = { ...list.localNode(), port };
    for (let i = 0; i < 150; i++) {
      list.sendBestEffort(to, new Uint8Array(size).fill(i));
      // The kernel gets 32 packets in a turn of the event loop.
      if (i % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
    }
    await list.shutdown();
    const last = createSocket("udp4");
    await until(() => {
      last.send(Uint8Array.of(1), port, "127.0.0.1");
      return isOver;
    }, "the last packet");
    last.close();
    socket.close();
    expect(received).toBeGreaterThan(3);
    expect(wrong).toEqual([]);
  });
});
