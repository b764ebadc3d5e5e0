import { Really } from '@really/client';
import { anonymous } from '@really/client/anonymous';
import { ReallyProvider, useCollection, useConnection, useWrite } from '@really/client/react';
import { type FormEvent, useState } from 'react';
import { createRoot } from 'react-dom/client';
import type { Models, Tasks } from '../really.js';

declare module '@really/client/react' {
  interface Register {
    models: Models;
  }
}

const really = new Really<Models>(location.origin, { token: anonymous(location.origin) });

function App() {
  // The newest tasks. What this page writes is in them at once, what others write as soon as it is committed.
  const tasks = useCollection('/tasks', { limit: 50 }, { optimistic: true });
  const { create, error } = useWrite();
  const [title, setTitle] = useState('');
  const add = (event: FormEvent) => {
    event.preventDefault();
    void create('/tasks', { title });
    setTitle('');
  };
  const problem = error ?? tasks.error;
  return (
    <main>
      <h1>
        Tasks <small role="status">{useConnection().status}</small>
      </h1>
      <form onSubmit={add}>
        <input
          aria-label="New task"
          placeholder="What is to be done?"
          maxLength={200}
          required
          value={title}
          onChange={({ target }) => setTitle(target.value)}
        />
        <button type="submit">Add</button>
      </form>
      <ul id="tasks">
        {tasks.value?.map((task) => (
          <Task key={task._r} task={task} />
        ))}
      </ul>
      <p id="hint">
        Nothing is to be done. Add something, then open this page in a second window: what you
        change in one is at once in the other.
      </p>
      <p id="problem" role="alert">
        {problem?.message}
      </p>
    </main>
  );
}

function Task({ task }: { task: Tasks }) {
  const { update, delete: remove } = useWrite();
  const { _r, title, done } = task;
  return (
    <li className={done ? 'done' : ''}>
      <label>
        <input
          type="checkbox"
          checked={done ?? false}
          onChange={() => update(_r, (u) => u.set('done', !done))}
        />{' '}
        {title}
      </label>
      {done && (
        <button type="button" onClick={() => remove(_r)}>
          Remove
        </button>
      )}
    </li>
  );
}

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <ReallyProvider client={really}>
      <App />
    </ReallyProvider>,
  );
}
