// The notes of one board, and who drags one. Text from others only ever goes into `textContent`, so it stays text.
import { $, author, changed, nameOf, really, setText, showInitials, uidOf } from './app.js';
import { dragNote } from './drag.js';

/** Of the board that is open: its notes, and its room. */
let notes;
let list;
let room;
/** New notes that the list does not have yet: what is pinned without a connection is shown, too. */
let pinning = [];

/** Shows the notes of this board, and no longer those of the one before. */
export function openNotes(boardR) {
  for (const copy of [list, ...pinning]) copy?.close();
  room?.leave();
  list = room = undefined;
  pinning = [];
  $('notes').replaceChildren();
  if (boardR === null) return;
  notes = really.object(boardR).collection('notes');
  list = notes.live({ limit: 1000 });
  list.subscribe(changed);
  room = really.room(boardR, { state: {} });
  room.subscribe(changed);
}

/** The other members of the room; none while we are not in it. */
const others = () => (room?.status === 'joined' ? room.others : []);

/** All members, ourselves first. */
export const whoIsHere = () => (room?.me ? [room.me, ...others()] : others());

/** Pins a new note where there is room. */
export function addNote(body) {
  const write = notes.create({ ...body, ...freePlace() });
  const copy = really.object(write.commands[0].r).live();
  copy.subscribe(changed);
  pinning.push(copy);
  changed();
}

function allNotes() {
  const known = list?.value ?? [];
  const isListed = ({ _r }) => known.some((note) => note._r === _r);
  // One that was refused has no value any more.
  const isDone = ({ value }) => value === undefined || isListed(value);
  for (const copy of pinning.filter(isDone)) copy.close();
  pinning = pinning.filter((copy) => !isDone(copy));
  return [...known.toReversed(), ...pinning.map(({ value }) => value)];
}

/** Of some random places, the one that is farthest from every note. */
function freePlace() {
  const taken = allNotes();
  const space = ({ x, y }) => Math.min(1, ...taken.map((n) => Math.hypot(n.x - x, n.y - y)));
  const places = Array.from({ length: 30 }, () => ({ x: Math.random(), y: Math.random() }));
  return places.reduce((best, place) => (space(place) > space(best) ? place : best));
}

const elementOf = (r) => [...$('notes').children].find((element) => element.dataset.r === r);

export function drawNotes(me) {
  const shown = allNotes();
  for (const element of [...$('notes').children]) {
    if (!shown.some(({ _r }) => _r === element.dataset.r)) element.remove();
  }
  const drags = others().filter(({ state }) => state.drag);
  for (const note of shown) {
    const holder = drags.find(({ state }) => state.drag.note === note._r);
    drawNote(note, { isMine: uidOf(note.author) === me, holder });
  }
  $('no-notes').hidden = shown.length > 0;
}

/** Brings the one element of a note up to date; an editor that is open in it stays as it is. */
function drawNote(note, { isMine, holder }) {
  const element = elementOf(note._r) ?? addElement(note._r);
  const part = (name) => element.querySelector(`.${name}`);
  element.dataset.color = note.color;
  // While we drag it ourselves it is where our hand is.
  if (!element.classList.contains('dragged')) {
    const { x, y } = holder?.state.drag ?? note;
    element.style.setProperty('--x', x);
    element.style.setProperty('--y', y);
  }
  element.classList.toggle('held', holder !== undefined);
  if (holder) {
    const { uid } = holder.user;
    element.dataset.holder = nameOf(uid);
    element.style.setProperty('--holder', `var(--${author(uid)?.color ?? 'teal'})`);
  }
  setText(part('text'), note.text);
  setText(part('remark'), note.remark ?? '');
  part('remark').hidden = !note.remark || !part('editor').hidden;
  part('popular').hidden = !note.popular;
  setText(part('votes'), String(note.votes ?? 0));
  part('vote').setAttribute('aria-label', `Vote for this note; it has ${note.votes ?? 0}`);
  part('tools').hidden = !isMine;
  const writer = uidOf(note.author);
  setText(part('author-name'), nameOf(writer));
  showInitials(part('initials'), writer);
}

function addElement(r) {
  const element = $('note-template').content.firstElementChild.cloneNode(true);
  const part = (name) => element.querySelector(`.${name}`);
  const note = really.object(r);
  element.dataset.r = r;
  // Counting merges: votes that come at the same moment all count.
  part('vote').addEventListener('click', () => note.update((u) => u.addNumber('votes', 1)));
  part('delete').addEventListener('click', () => note.delete());
  part('edit').addEventListener('click', () => openEditor(element));
  part('cancel').addEventListener('click', () => closeEditor(element));
  part('editor').addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') closeEditor(element);
  });
  part('editor').addEventListener('submit', (event) => {
    event.preventDefault();
    saveNote(element);
  });
  dragNote(element, $('notes'), {
    move: (x, y) => room.present({ drag: { note: r, x, y } }),
    drop: (x, y) => dropNote(note, x, y),
  });
  $('notes').append(element);
  return element;
}

/** One write for the whole way; what the others saw on it was presence, which is not stored. */
function dropNote(note, x, y) {
  const here = room;
  const write = note.update((u) => u.set('x', x).set('y', y));
  const letGo = () => {
    if (!document.querySelector('.dragged')) here.present({ drag: null });
  };
  // Not before: the note would be seen at its old place once more.
  write.then(letGo, letGo);
}

const noteOf = (element) => allNotes().find(({ _r }) => _r === element.dataset.r);

function openEditor(element) {
  const { text, remark = '' } = noteOf(element);
  const { elements } = element.querySelector('.editor');
  elements.text.value = text;
  elements.remark.value = remark;
  showEditor(element, true);
}

function closeEditor(element) {
  showEditor(element, false);
  element.querySelector('.edit').focus();
}

function showEditor(element, isOpen) {
  const editor = element.querySelector('.editor');
  editor.hidden = !isOpen;
  element.querySelector('.text').hidden = isOpen;
  if (isOpen) editor.elements.text.focus();
  changed();
}

/** Shown at once; if it is refused, the editor is open again with what was written. */
function saveNote(element) {
  const before = noteOf(element);
  const { text, remark } = element.querySelector('.editor').elements;
  closeEditor(element);
  const isSame = remark.value === (before.remark ?? '');
  if (text.value === before.text && isSame) return;
  const write = really.object(before._r).update((u) => {
    if (text.value !== before.text) u.set('text', text.value);
    if (!isSame) u.set('remark', remark.value || null);
  });
  write.catch(() => showEditor(element, true));
}
