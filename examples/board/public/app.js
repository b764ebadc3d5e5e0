// What the parts of the page share: the client, when to draw, names, and how to tell people what was refused.
import { anonymous, Really } from './really-client.js';

export const $ = (id) => document.getElementById(id);

/** All windows of this browser are one user. */
export const really = new Really(location.origin, { token: anonymous(location.origin) });

let draw = () => {};
let isDue = false;

/** Says what draws the page. */
export function drawWith(given) {
  draw = given;
}

/** Draws the page again, once for all that changes in one moment. */
export function changed() {
  if (isDue) return;
  isDue = true;
  queueMicrotask(() => {
    isDue = false;
    draw();
  });
}

/** What stays the same is not touched: it may be selected, or be read aloud when it changes. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const shown = new Map();

/** Fills a list. What stays the same is not touched: it may be clicked at this moment. */
export function setItems(parent, items, draw) {
  const key = JSON.stringify(items);
  if (shown.get(parent) === key) return;
  shown.set(parent, key);
  parent.replaceChildren(...items.map(draw));
}

const authors = new Map();

/** The author with this uid: a live copy, from the first time on that somebody asks. */
export function author(uid) {
  if (!authors.has(uid)) {
    const copy = really.object(`/authors/${uid}`).live();
    copy.subscribe(changed);
    authors.set(uid, copy);
  }
  return authors.get(uid).value;
}

/** The uid of the author that a field refers to: `/authors/<uid>`. */
export const uidOf = (r) => r.split('/').at(-1);

export const nameOf = (uid) => author(uid)?.name ?? '…';

export function showInitials(element, uid) {
  const { initials = '', color = 'teal' } = author(uid) ?? {};
  setText(element, initials);
  element.style.setProperty('--author', `var(--${color})`);
}

const words = {
  'note.text.blank': 'A note needs some text.',
  'author.name.blank': 'A name needs a letter at least.',
  'note.not.yours': 'Only its author can change that note.',
  'object.gone': 'Somebody has deleted that meanwhile.',
  'object.revision.outdated':
    'Somebody changed that at the same moment. Please look, and try again.',
  forbidden: 'You may not do that.',
};
let saidUntil;

// What was shown already is taken back by the client.
really.on('write-refused', ({ error }) => {
  $('said').textContent = words[error.message] ?? `The server refused that: ${error.message}`;
  clearTimeout(saidUntil);
  saidUntil = setTimeout(() => $('said').replaceChildren(), 6000);
});
