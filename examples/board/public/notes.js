// The notes of one board. Text from others only ever goes into `textContent`, so it stays text.
import { $, connection, live, me, nameOf, say, set, update } from './app.js';
import { dragNote } from './drag.js';

/** The R of the board whose notes are shown. */
let board = null;
const notesOf = (boardR) => `${boardR}/notes/*`;

/** Shows and watches the notes of this board, and no longer those of the one before. */
export async function showNotesOf(boardR) {
  if (boardR !== board) {
    if (board !== null) void live.unwatchCollection(notesOf(board));
    board = boardR;
    $('notes').replaceChildren();
  }
  if (board !== null) await live.watchCollection(notesOf(board));
  showEmptiness();
}

/** Pins a new note where there is room. */
export function addNote(text, color) {
  const body = { text, color, author: me(), ...freePlace() };
  connection.write({ cmd: 'create', r: `${board}/notes`, body }).catch(say);
}

/** Shows the notes of an author anew, under a new name. */
export function showNotesBy(authorR) {
  for (const { dataset } of noteElements()) {
    if (live.objects.get(dataset.r)?.author === authorR) showNote(dataset.r);
  }
}

const noteElements = () => [...$('notes').children];
const elementOf = (r) => noteElements().find((element) => element.dataset.r === r);

function showEmptiness() {
  $('no-notes').hidden = noteElements().length > 0;
}

/** Brings the one element of a note up to date; an editor that is open in it stays as it is. */
export function showNote(r) {
  if (board === null || !r.startsWith(`${board}/`)) return;
  const note = live.objects.get(r);
  if (note === undefined) {
    elementOf(r)?.remove();
    showEmptiness();
    return;
  }
  const element = elementOf(r) ?? addElement(r);
  const part = (name) => element.querySelector(`.${name}`);
  element.dataset.color = note.color;
  if (!element.classList.contains('moving')) {
    element.style.setProperty('--x', note.x);
    element.style.setProperty('--y', note.y);
  }
  part('text').textContent = note.text;
  part('remark').textContent = note.remark ?? '';
  part('remark').hidden = !note.remark || !part('editor').hidden;
  part('popular').hidden = !note.popular;
  part('votes').textContent = note.votes;
  part('vote').setAttribute('aria-label', `Vote for this note; it has ${note.votes}`);
  part('tools').hidden = note.author !== me();
  part('author-name').textContent = nameOf(note.author);
  showInitials(part('initials'), note.author);
  void live.watch([note.author]);
  showEmptiness();
}

function showInitials(element, authorR) {
  const { initials = '', color = 'teal' } = live.objects.get(authorR) ?? {};
  element.textContent = initials;
  element.style.setProperty('--author', `var(--${color})`);
}

/** Of some random places, the one that is farthest from every note. */
function freePlace() {
  const notes = live.list(notesOf(board));
  const room = ({ x, y }) => Math.min(1, ...notes.map((n) => Math.hypot(n.x - x, n.y - y)));
  const places = Array.from({ length: 30 }, () => ({ x: Math.random(), y: Math.random() }));
  return places.reduce((best, place) => (room(place) > room(best) ? place : best));
}

function addElement(r) {
  const element = $('note-template').content.firstElementChild.cloneNode(true);
  const part = (name) => element.querySelector(`.${name}`);
  element.dataset.r = r;
  // Counting merges: votes that come at the same moment all count, whatever revision they saw.
  part('vote').addEventListener('click', () =>
    update(r, [{ op: 'addNumber', key: 'votes', value: 1 }]).catch(say),
  );
  part('delete').addEventListener('click', () => connection.write({ cmd: 'delete', r }).catch(say));
  part('edit').addEventListener('click', () => openEditor(element));
  part('cancel').addEventListener('click', () => closeEditor(element));
  part('editor').addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') closeEditor(element);
  });
  part('editor').addEventListener('submit', (event) => {
    event.preventDefault();
    void saveNote(element);
  });
  dragNote(element, $('notes'), {
    move: (x, y) => moveNote(r, x, y),
    // Where somebody else moved it later, or the server refused, show that.
    settled: (rev = 0) => live.objects.get(r)?._rev >= rev && showNote(r),
  });
  $('notes').append(element);
  return element;
}

/** The last one to let go wins: on a conflict the same again, on what is there now. Resolves with the revision. */
async function moveNote(r, x, y) {
  for (let attempt = 0; attempt < 3 && live.objects.has(r); attempt++) {
    try {
      const { rev } = await update(r, [set('x', x), set('y', y)]);
      return rev;
    } catch (error) {
      if (error.message !== 'object.revision.outdated') return say(error);
    }
  }
}

function openEditor(element) {
  const note = live.objects.get(element.dataset.r);
  const form = element.querySelector('.editor');
  form.elements.text.value = note.text;
  form.elements.remark.value = note.remark ?? '';
  form.hidden = false;
  element.querySelector('.text').hidden = true;
  element.querySelector('.remark').hidden = true;
  form.elements.text.focus();
}

function closeEditor(element) {
  element.querySelector('.editor').hidden = true;
  element.querySelector('.text').hidden = false;
  showNote(element.dataset.r);
  element.querySelector('.edit').focus();
}

async function saveNote(element) {
  const { text, remark } = element.querySelector('.editor').elements;
  const note = live.objects.get(element.dataset.r);
  const ops = [];
  if (text.value !== note.text) ops.push(set('text', text.value));
  if (remark.value !== (note.remark ?? '')) ops.push(set('remark', remark.value || null));
  try {
    if (ops.length > 0) await update(note._r, ops);
    closeEditor(element);
  } catch (error) {
    say(error);
  }
}
