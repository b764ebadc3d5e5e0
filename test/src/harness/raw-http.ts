import { once } from 'node:events';
import { connect } from 'node:net';

export interface RawResponse {
  readonly status: number;
  /** By lower-case name; several of one name are joined. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Sends these very bytes, and reads what comes until the server closes. For what no HTTP library would send. */
export async function sendRaw(url: string, ...parts: (string | Buffer)[]): Promise<RawResponse[]> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    // A stream has no end: its head is all there is to say of it here. A document may name the type, too.
    if (/^content-type: text\/event-stream/im.test(chunk.toString('latin1'))) socket.destroy();
  });
  for (const part of parts) socket.write(part);
  await once(socket, 'close');
  return answersIn(Buffer.concat(chunks).toString('latin1'));
}

/** The bytes of a request whose connection is closed after its answer. */
export function rawRequest(
  line: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): string {
  const all: Record<string, string> = { Host: 'localhost', Connection: 'close', ...headers };
  if (body !== '') all['Content-Length'] ??= String(Buffer.byteLength(body));
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `${[`${line} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n${body}`;
}

/** Answers whose bodies have a length, one behind the other. */
function answersIn(text: string): RawResponse[] {
  const answers: RawResponse[] = [];
  for (let rest = text; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`no answer: ${rest.slice(0, 200)}`);
    const [status = '', ...lines] = rest.slice(0, end).split('\r\n');
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const [name = '', value = ''] = line.split(/:\s*(.*)/s);
      const key = name.toLowerCase();
      headers[key] = key in headers ? `${headers[key]}, ${value}` : value;
    }
    const isStream = headers['content-type']?.includes('text/event-stream') === true;
    // The answer to a HEAD has the length of what a GET would get, and nothing behind it but the next answer.
    const isHead = rest.startsWith('HTTP/1.1 ', end + 4);
    const length = isHead ? 0 : Number(headers['content-length'] ?? 0);
    const size = isStream ? rest.length : length;
    const body = rest.slice(end + 4, end + 4 + size);
    answers.push({ status: Number(status.split(' ')[1]), headers, body });
    rest = rest.slice(end + 4 + size);
  }
  return answers;
}
