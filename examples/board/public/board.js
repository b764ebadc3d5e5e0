// The page: shows what `live` knows, and turns what people do into commands. Text from others only
// ever goes into `textContent`, so it stays text.
import { Connection } from './connection.js';
import { dragNote } from './drag.js';
import { Live } from './live.js';

const connection = new Connection();
const live = new Live(connection);
const boardsR = '/boards/*';
const $ = (id) => document.getElementById(id);

/** The board that is open, as the address bar says: `#/boards/123`. */
const openBoard = () => (/^#\/boards\/[\w-]+$/.test(location.hash) ? location.hash.slice(1) : null);
const notesOf = (board) => `${board}/notes/*`;
const me = () => (connection.user ? `/authors/${connection.user.uid}` : undefined);

// ── What the server says ────────────────────────────────────────────────────────────────────────

connection.addEventListener('state', () => {
  signedIn = false;
  showState();
});
connection.addEventListener('ready', () => void signIn());
live.addEventListener('change', ({ detail: r }) => {
  if (/\/notes\//.test(r)) showNote(r);
  else if (r.startsWith('/authors/')) showAuthor(r);
  else showBoards();
});

let signedIn = false;
let tellFirstSignIn;
/** Who writes before has no author to write as. */
const firstSignIn = new Promise((resolve) => {
  tellFirstSignIn = resolve;
});

/** Everybody writes under a name: makes our author where there is none, under the uid of our token. */
async function signIn() {
  const r = me();
  const body = { name: localStorage.getItem('board.name') ?? newName(), color: newColor() };
  try {
    await connection.write({ cmd: 'create', r, body });
  } catch (error) {
    if (error.message !== 'object.already.exist') return say(error);
  }
  await live.watch([r]);
  await live.watchCollection(boardsR);
  showBoards();
  await switchBoard();
  signedIn = connection.state === 'live';
  showState();
  tellFirstSignIn();
}

function newName() {
  const pick = (words) => words[Math.floor(Math.random() * words.length)];
  const first = pick(['Quiet', 'Brisk', 'Amber', 'Lucky', 'Polite', 'Merry', 'Bold', 'Patient']);
  return `${first} ${pick(['Otter', 'Heron', 'Fox', 'Lynx', 'Badger', 'Wren', 'Hare', 'Newt'])}`;
}

function newColor() {
  const colors = ['teal', 'plum', 'moss', 'rust', 'slate'];
  return colors[Math.floor(Math.random() * colors.length)];
}

// ── What is shown ───────────────────────────────────────────────────────────────────────────────

function showState() {
  const words = { live: 'live', connecting: 'connecting …', offline: 'offline, trying again' };
  const state = connection.state === 'live' && !signedIn ? 'connecting' : connection.state;
  $('state').textContent = words[state];
  $('state').dataset.state = state;
}

function showBoards() {
  const boards = live.list(boardsR).sort((a, b) => a.created.localeCompare(b.created));
  $('boards').replaceChildren(...boards.map(boardLink));
  const board = live.objects.get(openBoard());
  $('empty').hidden = board !== undefined;
  $('board').hidden = board === undefined;
  if (board === undefined) return;
  document.title = `${board.title} · Board`;
  $('board-title').textContent = board.title;
  $('board-owner').textContent = `by ${nameOf(board.owner)}`;
  $('delete-board').hidden = board.owner !== me();
  void live.watch([board.owner]);
}

function boardLink({ _r, title }) {
  const link = document.createElement('a');
  link.href = `#${_r}`;
  link.textContent = title;
  if (_r === openBoard()) link.setAttribute('aria-current', 'page');
  const item = document.createElement('li');
  item.append(link);
  return item;
}

/** Watches the notes of the open board, and no longer those of the one before. */
let shownBoard = null;
async function switchBoard() {
  const board = openBoard();
  if (board !== shownBoard) {
    const before = shownBoard;
    shownBoard = board;
    $('notes').replaceChildren();
    if (before !== null) void live.unwatchCollection(notesOf(before));
  }
  showBoards();
  if (board !== null) await live.watchCollection(notesOf(board));
  showEmptiness();
}

const noteElements = () => [...$('notes').children];
const elementOf = (r) => noteElements().find((element) => element.dataset.r === r);

function showEmptiness() {
  $('no-notes').hidden = noteElements().length > 0;
}

/** Brings the one element of a note up to date; an editor that is open in it stays as it is. */
function showNote(r) {
  if (shownBoard === null || !r.startsWith(`${shownBoard}/`)) return;
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
  part('remark').hidden = !note.remark;
  part('popular').hidden = !note.popular;
  part('votes').textContent = note.votes;
  part('vote').setAttribute('aria-label', `Vote for this note; it has ${note.votes}`);
  part('tools').hidden = note.author !== me();
  part('author-name').textContent = nameOf(note.author);
  showInitials(part('initials'), note.author);
  void live.watch([note.author]);
  showEmptiness();
}

function showAuthor(r) {
  if (r === me() && document.activeElement !== $('name')) $('name').value = nameOf(r);
  for (const { dataset } of noteElements()) {
    if (live.objects.get(dataset.r)?.author === r) showNote(dataset.r);
  }
  showBoards();
}

const nameOf = (authorR) => live.objects.get(authorR)?.name ?? '…';

function showInitials(element, authorR) {
  const { initials = '', color = 'teal' } = live.objects.get(authorR) ?? {};
  element.textContent = initials;
  element.style.setProperty('--author', `var(--${color})`);
}

let saidUntil;
function say(error) {
  const words = {
    'note.text.blank': 'A note needs some text.',
    'author.name.blank': 'A name needs a letter at least.',
    'note.not.yours': 'Only its author can change that note.',
    'object.gone': 'Somebody has deleted that meanwhile.',
    'object.revision.outdated':
      'Somebody changed that at the same moment. Please look, and try again.',
    'rate.limited': 'That was too quick. Please wait a little.',
    forbidden: 'You may not do that.',
  };
  $('said').textContent = words[error.message] ?? `The server refused that: ${error.message}`;
  clearTimeout(saidUntil);
  saidUntil = setTimeout(() => $('said').replaceChildren(), 6000);
}

// ── What people do ──────────────────────────────────────────────────────────────────────────────

function update(r, ops) {
  return connection.write({ cmd: 'update', r, rev: live.objects.get(r)._rev, body: { ops } });
}

const set = (key, value) => ({ op: 'set', key, value });

$('me').addEventListener('submit', (event) => {
  event.preventDefault();
  $('name').blur();
});

$('name').addEventListener('change', ({ target }) => {
  const name = target.value.trim();
  if (name === '' || !live.objects.has(me())) return;
  localStorage.setItem('board.name', name);
  update(me(), [set('name', name)]).catch(say);
});

$('new-board').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  const title = form.elements.title.value;
  form.reset();
  await firstSignIn;
  try {
    const body = { title, owner: me() };
    const answer = await connection.write({ cmd: 'create', r: '/boards', body });
    location.hash = answer.body._r;
  } catch (error) {
    say(error);
  }
});

$('delete-board').addEventListener('click', () => {
  if (!confirm('Delete this board for everybody?')) return;
  connection.write({ cmd: 'delete', r: shownBoard }).then(() => {
    location.hash = '';
  }, say);
});

$('new-note').addEventListener('submit', async (event) => {
  event.preventDefault();
  const { text, color } = event.target.elements;
  const note = { text: text.value, color: color.value, ...freePlace() };
  text.value = '';
  await firstSignIn;
  const body = { ...note, author: me() };
  connection.write({ cmd: 'create', r: `${shownBoard}/notes`, body }).catch(say);
});

$('new-note').elements.text.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});

/** Of some random places, the one that is farthest from every note. */
function freePlace() {
  const notes = live.list(notesOf(shownBoard));
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

addEventListener('hashchange', async () => {
  await switchBoard();
  if (shownBoard !== null) $('board-title').focus();
});

void connection.run();
