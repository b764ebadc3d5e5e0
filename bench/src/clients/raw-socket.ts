import { connect, type Socket } from 'node:net';

/**
 * The cheapest WebSocket client that there is: it counts frames without looking into them, so that
 * what is measured is the server. Text can be looked at while `onText` is set.
 */
export class RawSocket {
  readonly #socket: Socket;
  #rest: Buffer | undefined;
  /** Called with the number of frames that one read brought. */
  onFrames: ((count: number) => void) | undefined;
  /** Called with each text instead, while set. */
  onText: ((text: string) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(url: string, localAddress?: string): Promise<RawSocket> {
    const { hostname, port, pathname } = new URL(url);
    const socket = connect({
      host: hostname,
      port: Number(port),
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    socket.setNoDelay(true);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.write(
      `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    const raw = new RawSocket(socket);
    await raw.#handshake();
    socket.on('data', (data: Buffer) => raw.#take(data));
    socket.on('error', () => {});
    return raw;
  }

  /** Sends one masked text frame (with a mask of zeros, which leaves the text as it is). */
  send(text: string): void {
    this.#socket.write(clientFrame(text));
  }

  sendMany(frames: Buffer): void {
    this.#socket.write(frames);
  }

  /** Sends a request and resolves with the message that carries its tag. */
  request(message: { tag: number }): Promise<{ body?: unknown; error?: unknown; evt?: string }> {
    return new Promise((resolve) => {
      const before = this.onText;
      this.onText = (text) => {
        const answer = JSON.parse(text) as {
          tag?: number;
          body?: unknown;
          error?: unknown;
          evt?: string;
        };
        if (answer.tag !== message.tag) return;
        this.onText = before;
        resolve(answer);
      };
      this.send(JSON.stringify(message));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #handshake(): Promise<void> {
    return new Promise((resolve, reject) => {
      let head = '';
      const read = (data: Buffer): void => {
        head += data.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end === -1) return;
        this.#socket.off('data', read);
        if (!head.startsWith('HTTP/1.1 101')) reject(new Error(head.slice(0, 200)));
        else resolve();
      };
      this.#socket.on('data', read);
      this.#socket.once('close', () => reject(new Error('closed in the handshake')));
    });
  }

  #take(data: Buffer): void {
    const buffer = this.#rest === undefined ? data : Buffer.concat([this.#rest, data]);
    let offset = 0;
    let count = 0;
    for (;;) {
      const frame = frameAt(buffer, offset);
      if (frame === undefined) break;
      count++;
      offset = frame.end;
      this.onText?.(buffer.toString('utf8', frame.start, frame.end));
    }
    this.#rest = offset === buffer.length ? undefined : buffer.subarray(offset);
    if (count > 0) this.onFrames?.(count);
  }
}

function frameAt(buffer: Buffer, offset: number): { start: number; end: number } | undefined {
  if (buffer.length < offset + 2) return undefined;
  const short = (buffer[offset + 1] ?? 0) & 0x7f;
  let start = offset + 2;
  let size = short;
  if (short === 126) {
    if (buffer.length < offset + 4) return undefined;
    size = buffer.readUInt16BE(offset + 2);
    start = offset + 4;
  } else if (short === 127) {
    if (buffer.length < offset + 10) return undefined;
    size = Number(buffer.readBigUInt64BE(offset + 2));
    start = offset + 10;
  }
  return start + size > buffer.length ? undefined : { start, end: start + size };
}

/** A masked text frame (RFC 6455, section 5.3), the mask being zeros. */
export function clientFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head = payload.length < 126 ? Buffer.alloc(6) : Buffer.alloc(8);
  head[0] = 0x81;
  if (payload.length < 126) head[1] = 0x80 | payload.length;
  else {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(payload.length, 2);
  }
  return Buffer.concat([head, payload]);
}
