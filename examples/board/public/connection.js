// One WebSocket to Really, kept open: signs in, answers requests by tag, comes back after a drop.
// Nothing here knows of boards; copy it as it is.

const tokenKey = 'really.token';
const longestPause = 8000;
/** Milliseconds of silence after which the server is asked whether it is there, and those that its answer may take. */
const heartbeat = 6000;
const patience = 6000;

export class Connection extends EventTarget {
  /** Who we are: `{uid, …}`, once initialized. */
  user;
  /** 'connecting', 'live' or 'offline'. */
  state = 'connecting';
  #socket;
  #tag = 0;
  #attempts = 0;
  #wake = () => {};
  /** When the socket was last heard, and since when an answer to a ping is missing. */
  #heardAt = 0;
  #askedAt;
  /** Requests without an answer, by tag: {message, durable, resolve, reject}. */
  #waiting = new Map();

  /**
   * Connects, and goes on doing so. Events: `state`; `ready` after every initialize, the time to
   * subscribe; `push` with the message in `detail`.
   */
  async run() {
    addEventListener('online', () => this.#returned());
    document.addEventListener('visibilitychange', () => this.#returned());
    for (;;) {
      await this.#connectOnce().catch(() => {});
      this.#setState('offline');
      await this.#pause();
      this.#setState('connecting');
    }
  }

  /** Asks and resolves with the answer. Rejects with the answer's error, or when the socket is gone. */
  request(message) {
    return new Promise((resolve, reject) => {
      this.#send({ message, durable: false, resolve, reject });
    });
  }

  /**
   * A change. Where the connection drops before the answer, it is sent again after the next
   * connect; its `once` id makes sure that it counts once.
   */
  write(message) {
    const durable = { ...message, cmdOpts: { ...message.cmdOpts, once: randomId() } };
    return new Promise((resolve, reject) => {
      this.#send({ message: durable, durable: true, resolve, reject });
    });
  }

  #send(pending) {
    const tag = ++this.#tag;
    const isOpen = this.state === 'live' || pending.message.cmd === 'initialize';
    if (!isOpen && !pending.durable) {
      pending.reject(new Error('offline'));
      return;
    }
    this.#waiting.set(tag, pending);
    if (isOpen) this.#socket.send(JSON.stringify({ tag, ...pending.message }));
  }

  /** One socket from open until it is closed or counts as dead. */
  async #connectOnce() {
    const accessToken = await token();
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/v0.1/socket`);
    this.#socket = socket;
    this.#heardAt = performance.now();
    this.#askedAt = this.#heardAt;
    let watch;
    await new Promise((resolve) => {
      watch = setInterval(() => {
        if (this.#isDead()) resolve();
      }, 1000);
      socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
      socket.onopen = () => this.#initialize(accessToken).catch(resolve);
      socket.onclose = () => resolve();
    });
    clearInterval(watch);
    // On a network that went silent the close takes minutes. Nobody waits for it, or hears what still comes.
    socket.onmessage = null;
    socket.onopen = null;
    socket.onclose = null;
    socket.close();
    this.#forgetReads();
  }

  async #initialize(accessToken) {
    let answer;
    try {
      answer = await this.request({ cmd: 'initialize', accessToken });
    } catch (error) {
      // The token has run out, or the server has another secret: be somebody new.
      if (error.code === 401) localStorage.removeItem(tokenKey);
      throw error;
    }
    this.user = answer.body.user;
    this.#attempts = 0;
    this.#askedAt = undefined;
    this.#setState('live');
    const unanswered = [...this.#waiting.values()].filter((pending) => pending.durable);
    this.#waiting.clear();
    for (const pending of unanswered) this.#send(pending);
    this.dispatchEvent(new CustomEvent('ready'));
  }

  #receive(message) {
    this.#heardAt = performance.now();
    // Until it is initialized, the time to connect runs on.
    if (this.state === 'live') this.#askedAt = undefined;
    const pending = this.#waiting.get(message.tag);
    if (pending !== undefined) {
      this.#waiting.delete(message.tag);
      if (message.error)
        pending.reject(Object.assign(new Error(message.error.message), message.error));
      else pending.resolve(message);
      return;
    }
    if (message.evt === 'token-expired') localStorage.removeItem(tokenKey);
    this.dispatchEvent(new CustomEvent('push', { detail: message }));
  }

  /** A dead network says nothing, so ask. Without an answer in time the socket is dead. */
  #isDead() {
    const now = performance.now();
    if (this.#askedAt !== undefined) return now - this.#askedAt >= patience;
    if (now - this.#heardAt >= heartbeat) this.#ask();
    return false;
  }

  #ask() {
    this.#askedAt = performance.now();
    this.request({ cmd: 'ping' }).catch(() => {});
  }

  /** Awake again, or on another network: a pause is over, and a socket has to show that it lives. */
  #returned() {
    this.#wake();
    if (this.state === 'live' && this.#askedAt === undefined) this.#ask();
  }

  #forgetReads() {
    for (const [tag, pending] of this.#waiting) {
      if (pending.durable) continue;
      this.#waiting.delete(tag);
      pending.reject(new Error('offline'));
    }
  }

  /** Longer after each failure, with chance in it so that not all come back at once. */
  #pause() {
    const longest = Math.min(longestPause, 250 * 2 ** this.#attempts++);
    return new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, longest * (0.5 + Math.random() / 2));
    });
  }

  #setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent('state'));
  }
}

/** The token of this browser; all its windows are one user. */
async function token() {
  const kept = localStorage.getItem(tokenKey);
  if (kept !== null) return kept;
  const signal = AbortSignal.timeout(patience);
  const answer = await fetch('/auth/anonymous', { method: 'POST', signal });
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  const { accessToken } = await answer.json();
  localStorage.setItem(tokenKey, accessToken);
  return accessToken;
}

function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
