// Copies of objects that stay true: each revision is applied as it is pushed, and after a drop each
// subscription goes on from the last revision or position that was heard.

export class Live extends EventTarget {
  /** By R: the object, with `_r` and `_rev`. */
  objects = new Map();
  #connection;
  /** By R: the collections that are watched, each with its last position, if one was heard. */
  #collections = new Map();
  /** Objects that are watched, by R. */
  #watched = new Set();
  /** By R, the view of what is pushed of an object, and that of what we have: it goes with the revision. */
  #views = new Map();
  #heard = new Map();

  /** Dispatches `change` with the R in `detail` whenever an object came, changed or went. */
  constructor(connection) {
    super();
    this.#connection = connection;
    connection.addEventListener('ready', () => this.#resume());
    connection.addEventListener('push', ({ detail }) => this.#apply(detail));
  }

  /** Watches a collection, its objects and those to come. `r` as printed: `/boards/*`. */
  async watchCollection(r) {
    if (this.#collections.has(r)) return;
    this.#collections.set(r, { pos: undefined });
    await this.#loadCollection(r).catch(ignoreDrop);
  }

  /** Watches single objects. */
  async watch(rs) {
    const fresh = rs.filter((r) => !this.#watched.has(r));
    for (const r of fresh) this.#watched.add(r);
    if (fresh.length > 0) await this.#subscribe(fresh).catch(ignoreDrop);
  }

  /** Stops watching a collection and its objects, and forgets them. */
  async unwatchCollection(r) {
    this.#collections.delete(r);
    const inside = this.#in(r);
    for (const one of inside) this.#forget(one);
    const subscriptions = [r, ...inside];
    await this.#connection
      .request({ cmd: 'unsubscribe', body: { subscriptions } })
      .catch(ignoreDrop);
  }

  /** The objects of a collection. */
  list(r) {
    return this.#in(r)
      .map((one) => this.objects.get(one))
      .filter((object) => object !== undefined);
  }

  /** After every connect: goes on from what was heard last. */
  async #resume() {
    const rs = [...this.#watched];
    try {
      if (rs.length > 0) await this.#subscribe(rs);
      for (const r of this.#collections.keys()) await this.#loadCollection(r);
    } catch (error) {
      ignoreDrop(error);
    }
  }

  /** First the subscription, then the list: what is made in between comes by both ways. */
  async #loadCollection(r) {
    const watch = this.#collections.get(r);
    if (watch === undefined) return;
    const answer = await this.#subscribeTo([{ r, ...(watch.pos && { pos: watch.pos }) }]);
    if (answer.failures.length > 0) {
      if (watch.pos === undefined) return;
      // The history does not reach back that far: read again.
      watch.pos = undefined;
      await this.#loadCollection(r);
    } else if (watch.pos === undefined) {
      await this.#readAll(r);
    }
  }

  async #readAll(r) {
    let paginationToken;
    for (;;) {
      const { body } = await this.#connection.request({
        cmd: 'read',
        r,
        cmdOpts: { limit: 200, ...(paginationToken && { paginationToken }) },
      });
      if (body.items.length === 0) break;
      paginationToken = body.tokens.nextToken;
      for (const item of body.items) this.#put(plain(item.body));
      await this.watch(body.items.map((item) => item.body._r));
    }
  }

  /** Each object from the revision that we have and the view that we heard it under; without one the server sends a snapshot. */
  async #subscribe(rs) {
    const subscriptions = rs.map((r) => {
      const rev = this.objects.get(r)?._rev;
      const view = this.#heard.get(r);
      return rev === undefined ? { r } : { r, rev, ...(view && { view }) };
    });
    const { failures, subscriptions: made } = await this.#subscribeTo(subscriptions);
    // They hold for what is pushed from now on.
    for (const { r, view } of made) if (!this.#views.has(r)) this.#views.set(r, view);
    for (const { r, error } of failures) {
      this.#forget(r);
      // We know a revision that the server does not: its data are not those we knew.
      if (error.message === 'object.revision.unknown') await this.watch([r]);
    }
  }

  async #subscribeTo(subscriptions) {
    // Pushes may be here before we look at the answer: what they say is newer.
    for (const { r } of subscriptions) this.#views.delete(r);
    const { body } = await this.#connection.request({ cmd: 'subscribe', body: { subscriptions } });
    return { failures: body.failures ?? [], subscriptions: body.subscriptions };
  }

  #apply({ evt, r, rev, meta, body, error }) {
    if (evt === 'created') {
      const watch = this.#collections.get(r);
      if (watch === undefined) return;
      watch.pos = meta.pos;
      if (!this.objects.has(body._r)) this.#put(body);
      void this.watch([body._r]);
    } else if (!this.#watched.has(r)) {
      // It was on its way when we stopped watching.
    } else if (evt === 'snapshot') {
      // Whatever we had: its revisions may be of another store.
      this.objects.delete(r);
      this.#hear(r, meta.view);
      this.#put(body);
    } else if (evt === 'updated') {
      this.#hear(r, meta.view);
      this.#update(r, rev, body);
    } else if (evt === 'deleted' || evt === 'failed') {
      if (error) console.info(`${r}: ${error.message}`);
      this.#forget(r);
    }
  }

  #hear(r, view) {
    if (view) this.#views.set(r, view);
    this.#heard.set(r, this.#views.get(r));
  }

  #update(r, rev, changes) {
    const object = this.objects.get(r);
    if (object === undefined || object._rev >= rev) return;
    const next = { ...object, _rev: rev };
    for (const [key, change] of Object.entries(changes)) {
      if (change.op === 'set' && /^\w+$/.test(key)) {
        if (change.opValue === null) delete next[key];
        else next[key] = change.opValue;
      } else if (change.op === 'addNumber' && /^\w+$/.test(key)) {
        next[key] = change.value;
      } else {
        // No other operation is used here. Lists and paths would be applied likewise.
        console.warn(`${change.op} on ${key} is not applied`);
      }
    }
    this.#put(next);
  }

  #put(object) {
    // A list may be older than what was pushed meanwhile.
    if (this.objects.get(object._r)?._rev > object._rev) return;
    this.objects.set(object._r, object);
    this.#tell(object._r);
  }

  #forget(r) {
    this.#watched.delete(r);
    this.#views.delete(r);
    this.#heard.delete(r);
    if (this.objects.delete(r)) this.#tell(r);
  }

  #tell(r) {
    this.dispatchEvent(new CustomEvent('change', { detail: r }));
  }

  #in(collectionR) {
    const start = collectionR.replace(/\*$/, '');
    return [...this.objects.keys()].filter(
      (r) => r.startsWith(start) && !r.slice(start.length).includes('/'),
    );
  }
}

/** get and read show what a reference points at; pushes only the R. Here the R is enough. */
function plain(object) {
  const entries = Object.entries(object).map(([name, value]) =>
    isReference(value) ? [name, value.value] : [name, value],
  );
  return Object.fromEntries(entries);
}

const isReference = (value) =>
  typeof value === 'object' && value !== null && ('ref' in value || 'error' in value);

/** After a drop everything is asked for again; any other error is one to see. */
function ignoreDrop(error) {
  if (error.message !== 'offline') throw error;
}
