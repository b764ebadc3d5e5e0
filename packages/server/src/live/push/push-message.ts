import type {
  CreatedPush,
  DeletedPush,
  Delta,
  FailedPush,
  JsonObject,
  ProtocolError,
  SchemaUpdatedPush,
  SnapshotPush,
  UpdatedPush,
} from '@really/protocol';
import { jsonTextOfPush } from '../../platform/json-texts.js';
import { type Authorship, authorshipMeta } from './authorship.js';
import { encodeFrame, type Frame, headOf, type ReplayPoint, type Under } from './frame.js';

/** The pushes of section PSH, each encoded once for all recipients. */

interface RevisionPush<Who = Authorship> {
  readonly r: string;
  readonly rev: number;
  readonly authorship: Who;
  /** The last earlier revision that changed a visible field. Sent only if it is not `rev - 1`. */
  readonly prev: number;
}

/** Rules PSH2 to PSH4. `view`: set if the recipient does not know it yet. */
export function updatedFrame(
  update: RevisionPush & { readonly body: Delta; readonly view: string | undefined },
): Frame {
  const { r, rev, authorship, body, prev, view } = update;
  const replayPoint: ReplayPoint = { kind: 'revision', key: r, rev };
  const meta = metaOf(authorship, rev, prev);
  if (view !== undefined) meta.view = view;
  const push = { evt: 'updated', r, rev, meta, body };
  // The change was written a moment ago.
  return encodeFrame(jsonTextOfPush(push), replayPoint, headOf(push));
}

/** Rule PSH5. `authorship` is unknown if the history no longer has the deletion. */
export function deletedFrame(
  deletion: RevisionPush<Authorship | undefined> & { readonly under: Under },
): Frame {
  const { r, rev, authorship, prev, under } = deletion;
  const replayPoint: ReplayPoint = { kind: 'final', key: r, r, deletedAt: rev, under };
  if (!authorship) return frameOf({ evt: 'deleted', r, rev }, replayPoint);
  return frameOf({ evt: 'deleted', r, rev, meta: metaOf(authorship, rev, prev) }, replayPoint);
}

/** Rule PSH6. */
export function snapshotFrame(
  snapshot: Omit<SnapshotPush, 'evt' | 'meta'> & { view: string },
): Frame {
  const { r, rev, view, body } = snapshot;
  return frameOf({ evt: 'snapshot', r, rev, meta: { view }, body }, { kind: 'snapshot', key: r });
}

/** Rule PSH1. */
export function createdFrame(creation: {
  r: string;
  authorship: Authorship;
  pos: number;
  /** `pos` in the opaque form for clients. */
  position: string;
  /** The recipient's view. */
  view: string;
  /** Whether the recipient does not know the view yet. */
  isOtherView: boolean;
  body: JsonObject;
}): Frame {
  const { r, authorship, pos, position, view, isOtherView, body } = creation;
  const meta: CreatedPush['meta'] = { ...authorshipMeta(authorship), pos: position };
  if (isOtherView) meta.view = view;
  return frameOf({ evt: 'created', r, meta, body }, { kind: 'creation', key: r, pos });
}

/**
 * Rule PSH7. `subscription`: the id of a live query. `under`: set if the error depends on rights.
 */
export function failedFrame(
  r: string,
  error: ProtocolError,
  { subscription, under }: { subscription?: string | undefined; under?: Under | undefined } = {},
): Frame {
  const push: FailedFrame = { evt: 'failed', r, error: error.toJSON() };
  if (error.meta || subscription !== undefined) {
    push.meta = { ...error.meta, ...(subscription !== undefined && { subscription }) };
  }
  return frameOf(push, { kind: 'final', key: subscription ?? r, r, under });
}

/** Rule PSH10. `names`: those of the collection. */
export function schemaUpdatedFrame(names: readonly string[]): Frame {
  const r = names.map((name) => `/${name}/*`).join('');
  return frameOf({ evt: 'schemaUpdated', r }, { kind: 'notice' });
}

interface FailedFrame extends FailedPush {
  meta?: { retryAfter?: number; subscription?: string };
}

function metaOf(authorship: Authorship, rev: number, prev: number): UpdatedPush['meta'] {
  const meta: UpdatedPush['meta'] = authorshipMeta(authorship);
  if (prev !== rev - 1) meta.prev = prev;
  return meta;
}

type PushMessage =
  | UpdatedPush
  | SnapshotPush
  | CreatedPush
  | FailedFrame
  | DeletedPush
  | SchemaUpdatedPush
  | { evt: 'deleted'; r: string; rev: number };

function frameOf(push: PushMessage, replayPoint: ReplayPoint): Frame {
  return encodeFrame(JSON.stringify(push), replayPoint, headOf(push));
}
