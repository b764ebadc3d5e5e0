import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { loaded } from '../../model/models.fixture.js';
import type { StoredObject } from '../../store/stored-object.js';
import { viewNow } from './view-now.js';

const r = '/rooms/1';

function revision(rev: number, data: JsonObject, deleted = false): StoredObject {
  return { r, rev, data, touched: {}, deleted, modelVersion: 1 };
}

/** What somebody without a membership may be sent of a revision when another is the newest. */
async function sightOf(read: string, object: StoredObject, newest: StoredObject) {
  const files = {
    'rooms/model.yaml': `version: 1
fields:
  open: { type: Boolean }
  closed: { type: Boolean }
  text: { type: String }
  secret: { type: String, access: { read: obj.text == "shown" } }
lookups: { own: "/rooms/{ids.rooms}/members/{auth.uid}" }
access: { read: '${read}' }
`,
    'rooms/members/model.yaml': 'version: 1\nfields: { role: { type: String } }\n',
  };
  const { model } = await loaded(files, { readLookups: (rs) => rs.map(() => undefined) });
  const context = { objects: { heads: async () => [], newest: () => newest } };
  return await viewNow(context, model('rooms'), object, { auth: { uid: 'ann' } });
}

const isOpen = 'obj.open == true || own != null';
const visible = { kind: 'visible', hidden: ['secret'] };

test('[LKP4] a revision that others might not see is not shown because a later one is visible', async () => {
  const newest = revision(2, { open: true });
  const sight = await sightOf(isOpen, revision(1, { open: false, text: 'of old' }), newest);
  expect(sight).toEqual({ object: newest, view: visible });
});

test('[LKP4] both are visible, or nothing is', async () => {
  const object = revision(1, { open: true });
  expect(await sightOf(isOpen, object, revision(2, { open: true }))).toEqual({
    object,
    view: visible,
  });
  const refused = await sightOf(isOpen, object, revision(2, { open: false }));
  expect(refused).toMatchObject({ object, view: { kind: 'refused' } });
});

test('[LKP4] a field that either hides is hidden', async () => {
  const [shown, veiled] = ['shown', 'veiled'].map((text) => ({ open: true, text, secret: 's' }));
  for (const [then, now] of [
    [shown, veiled],
    [veiled, shown],
  ]) {
    const { view } = await sightOf(isOpen, revision(1, then ?? {}), revision(2, now ?? {}));
    expect(view).toEqual(visible);
  }
});

test('[LKP4] of what was deleted meanwhile, the revision itself decides', async () => {
  const tombstone = revision(2, {}, true);
  const object = revision(1, { open: true, closed: true });
  expect(await sightOf(isOpen, object, tombstone)).toEqual({ object, view: visible });
  const { view } = await sightOf('obj.closed != true || own != null', object, tombstone);
  expect(view.kind).toBe('refused');
});
