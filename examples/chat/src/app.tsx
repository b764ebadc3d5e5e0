// The rooms at the side, the open one beside them, and what was refused.
import { useCollection, useConnection, useObject, useWrite } from '@really/client/react';
import { type ReactNode, useEffect, useState } from 'react';
import { really, useAddress, useMe } from './client.ts';
import { Form } from './form.tsx';
import { Room } from './room.tsx';

export function App(): ReactNode {
  const me = useMe();
  const [name, setName] = useState(() => localStorage.getItem('chat.name'));
  const { room, invitation } = useAddress();
  if (!me || !name) {
    const keep = (given: string) => {
      localStorage.setItem('chat.name', given);
      setName(given);
    };
    return (
      <main className="door">
        <h1>Chat</h1>
        <Form label="Your name" action="Go on" maxLength={40} onText={keep} />
      </main>
    );
  }
  return (
    <div className="page" data-open={room !== undefined}>
      <Rooms me={me} name={name} open={room} />
      {room && invitation && <Join room={room} invitation={invitation} me={me} name={name} />}
      {room && !invitation && <Room key={room} id={room} me={me} />}
      {!room && (
        <main className="empty">
          <p>Open a room, or make one and invite somebody.</p>
        </main>
      )}
      <Refusals />
    </div>
  );
}

function Rooms({ me, name, open }: { me: string; name: string; open: string | undefined }) {
  const mine = useCollection('/rooms/*/members', { filter: 'user = $me', values: { me } });
  const { batch } = useWrite();
  const add = async (title: string) => {
    let room = '';
    const added = batch((b) => {
      room = b.create(really.collection('/rooms'), { name: title, owner: me });
      b.create(really.collection(`/rooms/${idIn(room)}/members`), { user: me, name }, { id: me });
    });
    // Not before: until then we are no member. Refusals are told below.
    await added.then(() => {
      location.hash = room;
    }, ignore);
  };
  return (
    <nav aria-label="Rooms">
      <header>
        <h1>Chat</h1>
        <Connection />
      </header>
      <ul>
        {mine.value?.toReversed().map(({ _r, seen }) => (
          <RoomLink key={_r} id={idIn(_r)} seen={seen ?? 0} isOpen={idIn(_r) === open} />
        ))}
      </ul>
      <Form label="A new room" action="Add" maxLength={60} onText={add} />
      <p className="quiet">You are {name}</p>
    </nav>
  );
}

const ignore = () => {};

/** `/rooms/<id>/…` */
const idIn = (r: string) => r.split('/')[2] ?? '';

function RoomLink({ id, seen, isOpen }: { id: string; seen: number; isOpen: boolean }) {
  const { value: room } = useObject(`/rooms/${id}`);
  const unread = Math.max(0, (room?.total ?? 0) - seen);
  return (
    <li>
      <a href={`#/rooms/${id}`} aria-current={isOpen ? 'page' : undefined}>
        <span>{room?.name ?? '…'}</span>
        {unread > 0 && (
          <span className="unread">
            {unread} <span className="hidden">unread</span>
          </span>
        )}
      </a>
    </li>
  );
}

function Connection() {
  const { status, value } = useConnection();
  const isLive = status === 'connected';
  const waiting = value.pendingWrites > 0 ? `, ${value.pendingWrites} to send` : '';
  return (
    <p role="status" className="connection" data-live={isLive}>
      {isLive ? 'live' : status === 'connecting' ? 'connecting …' : `offline${waiting}`}
    </p>
  );
}

interface JoinProps {
  room: string;
  invitation: string;
  me: string;
  name: string;
}

function Join({ room, invitation: id, me, name }: JoinProps) {
  const { create, status } = useWrite();
  const open = () => {
    location.hash = `/rooms/${room}`;
  };
  const join = async () => {
    const invitation = `/rooms/${room}/invitations/${id}` as const;
    // Who is a member already goes in, too.
    await create(`/rooms/${room}/members`, { user: me, name, invitation }, { id: me }).then(
      open,
      open,
    );
  };
  return (
    <main className="empty">
      <p>You are invited to a room.</p>
      <button type="button" onClick={join} disabled={status === 'sent'}>
        Join as {name}
      </button>
    </main>
  );
}

/** What was shown already and is taken back, with the reason. */
function Refusals() {
  const [text, setText] = useState('');
  useEffect(
    () =>
      really.on('write-refused', ({ error, commands }) => {
        const [command] = commands;
        // Another window of ours may have counted what is read.
        if (command?.cmd === 'update') return;
        const lost = command?.cmd === 'create' ? String(command.body.text ?? '') : '';
        setText(`That was refused (${error.message}). ${lost}`);
      }),
    [],
  );
  return (
    <p role="alert" className="refused">
      {text}
    </p>
  );
}
