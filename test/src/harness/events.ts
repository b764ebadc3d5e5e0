import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** An event stream as a browser reads it. */
export class Events implements Disposable {
  readonly response: Response;
  readonly comments: string[] = [];
  ended = false;
  readonly #abort: AbortController;
  readonly #events: EventSourceMessage[] = [];
  readonly #waiting: (() => void)[] = [];

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    void this.#read(response);
  }

  static async open(url: string, headers: Readonly<Record<string, string>>): Promise<Events> {
    const abort = new AbortController();
    const accept = 'text/event-stream';
    const response = await fetch(url, { headers: { ...headers, accept }, signal: abort.signal });
    return new Events(response, abort);
  }

  /** The next event, its data parsed. */
  async next() {
    while (this.#events.length === 0) {
      if (this.ended) throw new Error('the stream has ended');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const { event, id, data } = this.#events.shift() as EventSourceMessage;
    // biome-ignore lint/suspicious/noExplicitAny: a push is whatever the server said
    return { event, id, data: JSON.parse(data) as any };
  }

  /** Resolves when the stream has ended, with the number of events that were not taken. */
  async end(): Promise<number> {
    while (!this.ended) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#events.length;
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
  }

  async #read(response: Response): Promise<void> {
    const parser = createParser({
      onEvent: (event) => this.#events.push(event),
      onComment: (comment) => this.comments.push(comment),
    });
    try {
      const text = response.body?.pipeThrough(new TextDecoderStream());
      for await (const chunk of text ?? []) {
        parser.feed(chunk);
        this.#wake();
      }
    } catch {
      // Cut off, by either side.
    }
    this.ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
