import { Connection } from './connection.js';

const newest = 50;
const tasks = new Map();
const byId = (id) => document.getElementById(id);
const connection = new Connection();
/** The id of our live query, once it is answered. */
let subscription;

// After every connect: the newest tasks as they are now, and from then on what changes among them.
connection.addEventListener('ready', () => attempt(load));
connection.addEventListener('push', ({ detail }) => apply(detail));
connection.addEventListener('state', showState);

byId('new').addEventListener('submit', (event) => {
  event.preventDefault();
  const title = byId('title').value.trim();
  if (title === '') return;
  byId('title').value = '';
  void attempt(() => connection.write({ cmd: 'create', r: '/tasks', body: { title } }));
});

showState();
await connection.run();

async function load() {
  const cmdOpts = { limit: newest, subscribe: true };
  const answer = await connection.request({ cmd: 'read', r: '/tasks/*', cmdOpts });
  subscription = answer.meta.subscription;
  tasks.clear();
  for (const { body } of answer.body.items) tasks.set(body._r, body);
  render();
}

/** A push of the live query: the list stays what a read would answer. */
function apply({ evt, r, rev, body, meta }) {
  if (meta?.subscription === undefined || meta.subscription !== subscription) return;
  if (evt === 'created' || evt === 'entered' || evt === 'snapshot') tasks.set(body._r, body);
  else if (evt === 'left') tasks.delete(r);
  else if (evt === 'updated') tasks.set(r, { ...tasks.get(r), ...valuesOf(body), _rev: rev });
  render();
}

/** What the fields are now. All our updates are `set`, and so is every field of their pushes. */
function valuesOf(changes) {
  return Object.fromEntries(Object.entries(changes).map(([key, { opValue }]) => [key, opValue]));
}

function set(task, key, value) {
  const ops = [{ op: 'set', key, value }];
  return connection.write({ cmd: 'update', r: task._r, rev: task._rev, body: { ops } });
}

function render() {
  const ordered = [...tasks.values()].sort((a, b) => (a._r < b._r ? 1 : -1));
  byId('tasks').replaceChildren(...ordered.map(item));
}

function item(task) {
  const box = document.createElement('input');
  box.type = 'checkbox';
  box.checked = task.done;
  box.addEventListener('change', () => attempt(() => set(task, 'done', box.checked)));
  const label = document.createElement('label');
  label.append(box, ' ', task.title);
  const line = document.createElement('li');
  line.className = task.done ? 'done' : '';
  line.append(label);
  if (task.done) line.append(removal(task));
  return line;
}

function removal(task) {
  const button = document.createElement('button');
  button.textContent = 'Remove';
  button.addEventListener('click', () =>
    attempt(() => connection.write({ cmd: 'delete', r: task._r })),
  );
  return button;
}

/** Does it, and shows what the server has against it. */
async function attempt(work) {
  try {
    await work();
    byId('problem').textContent = '';
  } catch (error) {
    byId('problem').textContent = error.message;
    render();
  }
}

function showState() {
  byId('state').textContent = connection.state;
}
