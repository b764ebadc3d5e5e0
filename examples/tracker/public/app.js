// Signs in, and shows the projects and invitations of whoever did.
import * as account from './account.js';
import { $, element, say, show } from './page.js';
import { openProject } from './project.js';
import { Really } from './really-client.js';

// First, so that the token says so.
await account.verifyFromLink().catch(say);
addEventListener('hashchange', () => location.reload());

const really = new Really(location.origin, { token: account.freshToken });
really.on('write-refused', ({ error }) => say(error));
/** That event has told of it. */
const ignore = () => {};

/** Names of users: one live copy for each, however often a name is shown. */
const people = {
  known: new Map(),
  naming(shown, uid) {
    const live = this.known.get(uid) ?? really.live(really.object(`/users/${uid}`));
    this.known.set(uid, live);
    const draw = () => {
      shown.textContent = live.value?.name ?? '…';
    };
    draw();
    live.subscribe(draw);
    return shown;
  },
};

let close = () => {};
let opened;
const mark = () => {
  for (const button of document.querySelectorAll('#projects button')) {
    button.ariaCurrent = String(button.dataset.r === opened);
  }
};
const open = (r) => {
  close();
  close = openProject(really, people, r);
  opened = r;
  mark();
};

/** The address of what a membership or an invitation is below of. */
const projectOf = (r) => r.split('/').slice(0, 3).join('/');

function drawProject({ _r }) {
  const r = projectOf(_r);
  const button = element('button', { type: 'button', onclick: () => open(r) });
  button.dataset.r = r;
  const name = really.live(really.object(r));
  const drawName = () => {
    button.textContent = name.value?.name ?? '…';
  };
  drawName();
  name.subscribe(drawName);
  return element('li', {}, button);
}

function drawInvitation({ _r, role, project }) {
  const accept = element('button', {
    type: 'button',
    textContent: `Join “${project}” as ${role}`,
    onclick: async () => {
      const { uid } = really.user;
      const members = really.object(projectOf(_r)).collection('members');
      const joined = members.create({ user: uid, role, invitation: _r }, { id: uid });
      await joined.then(() => open(projectOf(_r)), ignore);
    },
  });
  accept.dataset.invitation = _r;
  return element('li', {}, accept);
}

let stops = [];
/** Shows what belongs to the user of this session. */
function begin({ uid, data }) {
  people.naming($('my-name'), uid);
  $('unverified').hidden = data.emailVerified;
  const mine = really.live(really.collection('/projects/*/members'), {
    filter: 'user = $me and role != null',
    values: { me: uid },
  });
  const invited = really.live(really.collection('/projects/*/invitations'), {
    filter: 'email = $me',
    values: { me: data.email },
  });
  // Who has joined need not be asked again.
  const isNew = ({ _r }) => !(mine.value ?? []).some((own) => projectOf(own._r) === projectOf(_r));
  const drawInvited = () => {
    $('invited').hidden = !(invited.value ?? []).some(isNew);
  };
  stops = [
    show(mine, $('projects'), drawProject),
    show(invited, $('invitations'), drawInvitation, isNew),
    mine.subscribe(mark),
    mine.subscribe(drawInvited),
    invited.subscribe(drawInvited),
    () => mine.close(),
    () => invited.close(),
  ];
}

let session;
function draw() {
  const { state } = really.connection.getSnapshot();
  const isOut = state === 'needs-auth';
  $('state').textContent = state === 'connected' ? 'live' : isOut ? '' : state;
  $('state').dataset.state = state;
  $('door').hidden = !isOut;
  $('app').hidden = $('me').hidden = isOut;
  const { user } = really;
  const key = user && JSON.stringify([user.uid, user.data]);
  if (!user || key === session) return;
  for (const stop of stops) stop();
  close();
  session = key;
  begin(user);
}

$('sign-in').onsubmit = async (event) => {
  event.preventDefault();
  const { email, password, name } = event.target.elements;
  const given = [email.value, password.value];
  try {
    if (event.submitter.value === 'signup') await account.signUp(...given, name.value);
    else await account.logIn(...given);
    $('said').textContent = '';
    really.connection.connect();
  } catch (error) {
    say(error);
  }
};

$('leave').onclick = () => {
  account.forget();
  location.reload();
};

$('new-project').onsubmit = async (event) => {
  event.preventDefault();
  const { uid } = really.user;
  const name = event.target.elements.name.value;
  event.target.reset();
  let r;
  const created = really.batch((batch) => {
    r = batch.create(really.collection('/projects'), { name, owner: uid });
    const members = really.object(r).collection('members');
    batch.create(members, { user: uid, role: 'owner' }, { id: uid });
  });
  await created.then(() => open(r), ignore);
};

really.connection.subscribe(draw);
draw();
