import { type AppFolder, appFolder } from './app-folder.js';
import { post } from './auth.js';
import { Client } from './client.js';
import { exampleFiles } from './example.js';
import { type ServerOptions, ServerProcess } from './server-process.js';
import { WebhookReceiver } from './webhook-receiver.js';

/** The files of the example by path that a server reads, without its page. */
export const trackerFiles = () => exampleFiles('tracker');

/** Where really.yaml says that emails and events go. */
export const inboxUrl = 'http://127.0.0.1:9025';

/** Somebody with an account. */
export interface TrackerUser {
  readonly uid: string;
  readonly token: string;
  readonly client: Client;
}

/** The tracker as it runs, with a receiver of its emails and events. */
export class Tracker implements AsyncDisposable {
  readonly receiver: WebhookReceiver;
  readonly folder: AppFolder;
  server: ServerProcess;

  private constructor(receiver: WebhookReceiver, folder: AppFolder, server: ServerProcess) {
    this.receiver = receiver;
    this.folder = folder;
    this.server = server;
  }

  static async start(files: Readonly<Record<string, string>> = trackerFiles()): Promise<Tracker> {
    const receiver = await WebhookReceiver.start();
    const config = (files['really.yaml'] ?? '').replaceAll(inboxUrl, receiver.url);
    const dir = await appFolder({ ...files, 'really.yaml': config });
    return new Tracker(receiver, dir, await ServerProcess.start(options(dir.dir)));
  }

  /** Ends the server, and starts it again with other files. */
  async restart(changed: Readonly<Record<string, string>>): Promise<void> {
    await this.server.stop();
    await this.folder.write(changed);
    this.server = await ServerProcess.start(options(this.folder.dir));
  }

  /** Signs up, confirms the address unless asked not to, and logs in. */
  async signUp(name: string, { verified = true } = {}): Promise<TrackerUser> {
    const credentials = { email: `${name}@example.com`, password: 'correct horse' };
    const { json } = await post(`${this.server.url}/auth/password/signup`, {
      body: { ...credentials, name },
    });
    const uid = json.user._r.replace('/users/', '');
    if (verified) await this.verify(name);
    return { uid, ...(await this.logIn(name)) };
  }

  async logIn(name: string): Promise<{ token: string; client: Client }> {
    const body = { email: `${name}@example.com`, password: 'correct horse' };
    const { json } = await post(`${this.server.url}/auth/password/login`, { body });
    const client = await Client.connect(this.server.socketUrl, json.accessToken);
    return { token: json.accessToken, client };
  }

  /** Follows the link of the email. */
  async verify(name: string): Promise<void> {
    const { token } = (await this.event('auth.email.verify', {
      email: `${name}@example.com`,
    })) as { token: string };
    await post(`${this.server.url}/auth/email/verify`, { body: { token } });
  }

  /** The data of the first event of this type with these members, once it is there. */
  async event(type: string, members: Readonly<Record<string, unknown>>): Promise<unknown> {
    for (;;) {
      const found = this.receiver.ofType(type).find(({ json }) => {
        const data = json.data as Record<string, unknown>;
        return Object.entries(members).every(([name, value]) => data[name] === value);
      });
      if (found) return found.json.data;
      await this.receiver.next();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.kill();
    await this.receiver[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
}

function options(dir: string): ServerOptions {
  const env = {
    REALLY_AUTH_HASH_MEMORY: '64KiB',
    REALLY_AUTH_HASH_PASSES: '1',
    REALLY_RATE_SIGNUP: '0',
    REALLY_RATE_LOGIN: '0',
  };
  return { dir, env };
}
