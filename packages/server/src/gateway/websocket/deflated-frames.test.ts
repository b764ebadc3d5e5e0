import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { inflateRawSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { encodeFrame } from '../../live/push/frame.js';
import { Readings } from '../../platform/readings.fixture.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import {
  noRates,
  openTestGateway,
  RawClient,
  type TestSetup,
  upgradeRequest,
} from '../gateway.fixture.js';
import { deflatedFrame } from './deflated-frames.js';

/** Text that compresses as well as typical JSON. */
const textOf = (size: number) => '{"name":"Amal"},'.repeat(Math.ceil(size / 16)).slice(0, size);

const open: Awaited<ReturnType<typeof openTestGateway>>[] = [];

async function start(setup: TestSetup) {
  const server = await openTestGateway(setup);
  open.push(server);
  return server;
}

afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const commands = {
  echo: (_call: unknown, { body = {} }: { body?: object }) => Promise.resolve({ body: { body } }),
} as TestSetup['commands'];

describe('a server that compresses', () => {
  const connect = async (setup: TestSetup, offer: ClientOptions['perMessageDeflate'] = true) => {
    const { url, tokens } = await start({ commands, ...setup });
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v0.1/socket`, {
      perMessageDeflate: offer,
    });
    await once(socket, 'open');
    const ask = async (message: object): Promise<{ error?: object; body?: { text: string } }> => {
      socket.send(JSON.stringify(message), { compress: true });
      const [data] = await once(socket, 'message');
      return JSON.parse(String(data));
    };
    await ask({ tag: 1, cmd: 'initialize', accessToken: await tokens.mint({ uid: 'u' }) });
    return { socket, ask };
  };
  const echo = (text: string) => ({ tag: 2, cmd: 'echo', body: { text } });

  test('[CON7] nothing is compressed unless configured', async () => {
    const { socket, ask } = await connect({});
    expect(socket.extensions).toBe('');
    expect((await ask(echo(textOf(5000)))).body?.text).toBe(textOf(5000));
    socket.close();
  });

  test('[CON7] takes and sends messages of every size, compressed or not', async () => {
    const { socket, ask } = await connect({ config: { deflate: true } });
    expect(socket.extensions).toBe('permessage-deflate');
    for (const size of [0, 1, 900, 1100, 70_000, 200_000, 400_000, 5]) {
      const { body } = await ask(echo(textOf(size)));
      expect(body?.text === textOf(size), `${size}`).toBe(true);
    }
    // Of 845 KB that were echoed, messages within the size bounds were compressed.
    const read = (socket as unknown as { _socket: { bytesRead: number } })._socket.bytesRead;
    expect(read).toBeGreaterThan(500_000);
    expect(read).toBeLessThan(520_000);
    socket.close();
  });

  test('[CON7] neither side keeps state between messages', async () => {
    const { port } = await start({ config: { deflate: true } });
    const offers: readonly [string, string | undefined][] = [
      [
        'permessage-deflate; client_max_window_bits',
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
      ],
      ['x-webkit-deflate-frame', undefined],
    ];
    for (const [offer, agreed] of offers) {
      const client = new RawClient(port);
      client.write(upgradeRequest('/v0.1/socket', { 'Sec-WebSocket-Extensions': offer }));
      await client.until((bytes) => bytes.includes('\r\n\r\n'));
      expect(client.text).toMatch(/^HTTP\/1.1 101 /);
      expect(/^sec-websocket-extensions: (.*)\r$/im.exec(client.text)?.[1]).toBe(agreed);
      client.socket.destroy();
    }
  });

  test('[CON7] a client that wants a smaller window gets uncompressed frames', async () => {
    const offer = { serverMaxWindowBits: 10 };
    const { socket, ask } = await connect({ config: { deflate: true } }, offer);
    expect((await ask(echo(textOf(20_000)))).body?.text).toBe(textOf(20_000));
    const read = (socket as unknown as { _socket: { bytesRead: number } })._socket.bytesRead;
    expect(read).toBeGreaterThan(20_000);
    socket.close();
  });

  test('[CON7] [LIM27] a compressed message costs what it becomes, another one no more than its bytes', async () => {
    const platform = simulatedPlatform({ seed: 1, now: Date.UTC(2026, 0, 1) });
    const metrics = new Readings();
    const rates = { ...noRates, bytes: 70_000 };
    const setup = { platform, metrics, config: { deflate: true, rates } };
    const { socket, ask } = await connect(setup);
    const refused = () => metrics.read('really_limit_refused_total');
    const text = textOf(20_000);
    socket.send(JSON.stringify(echo(text)), { compress: false });
    await once(socket, 'message');
    await ask(echo(text));
    expect(refused()).toBe(0);
    const answered = ask(echo(text));
    while (refused() === 0) await new Promise((resolve) => setImmediate(resolve));
    platform.advance(60_000);
    expect((await answered).body?.text).toBe(text);
    socket.close();
  });

  test('[CON7] [LIM1] the limit of a message applies to its decompressed size', async () => {
    const { socket } = await connect({ config: { deflate: true }, limits: { message: 10_000 } });
    socket.send(JSON.stringify(echo('a'.repeat(1_000_000))), { compress: true });
    expect((await once(socket, 'close'))[0]).toBe(1009);
  });
});

describe('a compressed frame', () => {
  test('[CON7] decompresses to the message, and is made once for all clients', () => {
    for (const size of [1100, 60_000, 262_000]) {
      const { bytes } = encodeFrame(textOf(size));
      const frame = deflatedFrame(bytes);
      expect(frame[0]).toBe(0xc1);
      expect(frame.length).toBeLessThan(bytes.length / 5);
      const payload = Buffer.concat([
        frame.subarray(frame[1] === 126 ? 4 : 2),
        Buffer.from([0, 0, 0xff, 0xff]),
      ]);
      const size_ = frame[1] === 126 ? frame.readUInt16BE(2) : frame[1];
      expect(payload.length - 4).toBe(size_);
      const unpacked = inflateRawSync(payload, { finishFlush: 2 });
      expect(unpacked.toString()).toBe(textOf(size));
      expect(deflatedFrame(bytes)).toBe(frame);
    }
  });

  test('[CON7] is the original frame if compression gains nothing', () => {
    const noise = randomBytes(3000).toString('base64');
    for (const text of ['', textOf(1000), textOf(300_000)]) {
      const { bytes } = encodeFrame(text);
      expect(deflatedFrame(bytes)).toBe(bytes);
    }
    const { bytes } = encodeFrame(noise);
    expect(deflatedFrame(bytes).length).toBeLessThanOrEqual(bytes.length);
  });
});
