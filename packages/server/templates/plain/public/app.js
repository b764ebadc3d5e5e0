/** @import { Models, Tasks } from '../really.js' */
import { Really } from '@really/client';
import { anonymous } from '@really/client/anonymous';

/** @type {Really<Models>} */
const really = new Really(location.origin, { token: anonymous(location.origin) });
const tasks = really.collection('/tasks');
// The newest tasks. What this page changes in them shows at once, what others do as soon as it is committed.
const newest = really.live(tasks, { limit: 50 });

const form = document.querySelector('form');
const title = form.querySelector('input');
const list = document.querySelector('ul');
const state = document.querySelector('#state');
const problem = document.querySelector('#problem');

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = title.value.trim();
  title.value = '';
  problem.textContent = '';
  if (text !== '') void tasks.create({ title: text });
});

newest.subscribe(render);
// A write that was refused is no longer shown.
really.on('write-refused', ({ error }) => {
  problem.textContent = error.message;
});
really.connection.subscribe(showConnection);
showConnection();

function render() {
  list.replaceChildren(...(newest.value ?? []).map(item));
  if (newest.error) problem.textContent = newest.error.message;
}

/** @param {Tasks} task */
function item(task) {
  const object = really.object(task._r);
  const box = document.createElement('input');
  box.type = 'checkbox';
  box.checked = task.done;
  box.addEventListener('change', () => {
    void object.update((u) => u.set('done', box.checked));
  });
  const label = document.createElement('label');
  label.append(box, ' ', task.title);
  const line = document.createElement('li');
  line.className = task.done ? 'done' : '';
  line.append(label);
  if (task.done) line.append(button('Remove', () => void object.delete()));
  return line;
}

/**
 * @param {string} text
 * @param {() => void} action
 */
function button(text, action) {
  const made = document.createElement('button');
  made.textContent = text;
  made.addEventListener('click', action);
  return made;
}

function showConnection() {
  state.textContent = really.connection.getSnapshot().state;
}
