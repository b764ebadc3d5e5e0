// One project: its tasks, its team, and who may do what.
import { $, element, show } from './page.js';

const next = { open: 'doing', doing: 'done', done: 'open' };
const verbs = { open: 'Start', doing: 'Finish', done: 'Reopen' };

/** Shows the project at this address. Returns what ends that. */
export function openProject(really, people, r) {
  const project = really.object(r);
  const members = really.live(project.collection('members'), {
    filter: 'role != null',
    sort: 'user',
  });
  const tasks = really.live(project.collection('tasks'), { sort: '-priority,created', limit: 500 });
  const name = really.live(project);
  const ends = [];
  const shown = { really, people, members };

  const myRole = () => members.value?.find(({ user }) => user === really.user?.uid)?.role;
  const drawRights = () => {
    $('project').hidden = myRole() === undefined;
    $('project-name').textContent = name.value?.name ?? '';
    $('invite').hidden = myRole() !== 'owner';
    $('new-task').hidden = myRole() === 'reader';
    $('project').dataset.role = myRole() ?? '';
  };

  const drawTasks = () => {
    for (const end of ends.splice(0)) end();
    for (const state of ['open', 'doing', 'done']) {
      ends.push(
        show(
          tasks,
          $(state),
          (task) => cardOf(shown, task),
          (task) => task.state === state,
        ),
      );
    }
  };
  drawTasks();
  const endMembers = show(members, $('members'), (member) => rowOf(shown, member));
  // The cards list the members.
  const stops = [
    members.subscribe(drawTasks),
    members.subscribe(drawRights),
    name.subscribe(drawRights),
  ];
  drawRights();

  onSubmit($('new-task'), ({ title, priority }) => {
    const body = { title: title.value, priority: Number(priority.value), author: really.user.uid };
    project.collection('tasks').create(body);
  });
  onSubmit($('invite'), ({ email, role }) => {
    const to = email.value.trim().toLowerCase();
    const body = { email: to, role: role.value, project: name.value?.name };
    project.collection('invitations').create(body);
  });

  return () => {
    for (const stop of [...stops, ...ends, endMembers]) stop();
    for (const live of [members, tasks, name]) live.close();
    $('project').hidden = true;
  };
}

/** The card of a task: its state and its assignee can be changed, and it can be deleted. */
function cardOf({ really, people, members }, task) {
  const object = really.object(task._r);
  const move = element('button', {
    type: 'button',
    textContent: verbs[task.state],
    onclick: () => object.update((u) => u.set('state', next[task.state])),
  });
  move.dataset.move = task.state;
  const assignee = element('select', {
    ariaLabel: 'Assignee',
    onchange: () => object.update((u) => u.set('assignee', assignee.value || null)),
  });
  assignee.append(element('option', { value: '', textContent: 'nobody' }));
  for (const { user } of members.value ?? []) {
    assignee.append(people.naming(element('option', { value: user }), user));
  }
  assignee.value = task.assignee ?? '';
  const remove = element('button', {
    type: 'button',
    className: 'quiet delete',
    ariaLabel: 'Delete',
    textContent: '×',
    onclick: () => object.delete(),
  });
  const title = element('p', { textContent: task.title });
  const card = element('li', { className: 'task' }, title, assignee, move, remove);
  card.dataset.priority = task.priority;
  return card;
}

/** A member of the team, with a button to remove others. */
function rowOf({ really, people }, member) {
  const who = people.naming(element('span'), member.user);
  const role = element('span', { className: 'role', textContent: member.role });
  const out = element('button', {
    type: 'button',
    className: 'quiet owners',
    textContent: 'Remove',
    onclick: () => really.object(member._r).update((u) => u.set('role', null)),
  });
  return element('li', {}, who, ' ', role, ' ', member.user === really.user?.uid ? '' : out);
}

/** Does something with what was entered into a form, and empties it. */
function onSubmit(form, use) {
  form.onsubmit = (event) => {
    event.preventDefault();
    use(form.elements);
    form.reset();
  };
}
