// One room: who is here, its messages, and what is being written.
import {
  RoomProvider,
  useCollection,
  useObject,
  useOthers,
  useRoom,
  useWrite,
} from '@really/client/react';
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { Messages } from './messages.tsx';

export type Names = ReadonlyMap<string, string>;

export function Room({ id, me }: { id: string; me: string }) {
  const room = useObject(`/rooms/${id}`);
  const members = useCollection(`/rooms/${id}/members`, { limit: 1000, fields: ['name'] });
  const names: Names = new Map(members.value?.map(({ _r, name }) => [uidIn(_r), name]));
  if (room.status === 'failed' || room.status === 'deleted') {
    return (
      <main className="empty">
        <p>There is no such room, or you are not a member of it.</p>
        <a href="#/">Back</a>
      </main>
    );
  }
  return (
    <RoomProvider r={`/rooms/${id}`} state={{ typing: false }}>
      <main className="room">
        <header>
          <a href="#/" className="back" aria-label="All rooms">
            ‹
          </a>
          <h2>{room.value?.name ?? '…'}</h2>
          <Here me={me} names={names} />
          <Invite id={id} me={me} />
        </header>
        <Messages id={id} me={me} names={names} total={room.value?.total ?? 0} />
        <Typing names={names} />
        <Composer id={id} me={me} />
      </main>
    </RoomProvider>
  );
}

const uidIn = (r: string) => r.split('/').at(-1) ?? '';

/** Who has this room open: somebody with two windows is here once. */
function Here({ me, names }: { me: string; names: Names }) {
  const { value: others = [] } = useOthers((all) => all.map(({ user }) => user.uid));
  return (
    <ul className="here" aria-label="Here now">
      {[...new Set([me, ...others])].map((uid) => (
        <li key={uid} title={names.get(uid) ?? '…'}>
          {(names.get(uid) ?? '…').slice(0, 2)}
        </li>
      ))}
    </ul>
  );
}

function Typing({ names }: { names: Names }) {
  const { value: uids = [] } = useOthers((all) =>
    all.filter(({ state }) => state.typing).map(({ user }) => user.uid),
  );
  const who = [...new Set(uids)].map((uid) => names.get(uid) ?? 'somebody');
  const text = who.length > 0 ? `${who.join(', ')} ${who.length > 1 ? 'are' : 'is'} typing …` : '';
  return <p className="typing">{text}</p>;
}

/** A link for somebody who is to join: the id of an invitation is its secret. */
function Invite({ id, me }: { id: string; me: string }) {
  const { create } = useWrite();
  const [link, setLink] = useState<string>();
  const invite = () => {
    const { commands } = create(`/rooms/${id}/invitations`, { by: me });
    setLink(`${location.origin}/#${commands[0]?.r}`);
  };
  if (!link) {
    return (
      <button type="button" className="quiet" onClick={invite}>
        Invite
      </button>
    );
  }
  return (
    <input
      aria-label="Link to join"
      readOnly
      value={link}
      onFocus={({ target }) => target.select()}
    />
  );
}

function Composer({ id, me }: { id: string; me: string }) {
  const { create } = useWrite();
  const [text, setText] = useState('');
  const typing = useTyping(id);
  const send = () => {
    if (text.trim() === '') return;
    void create(`/rooms/${id}/messages`, { text, author: me });
    setText('');
    typing(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        aria-label="Message"
        placeholder="Message"
        rows={1}
        maxLength={2000}
        value={text}
        onKeyDown={onKeyDown}
        onChange={({ target }) => {
          setText(target.value);
          typing(target.value !== '');
        }}
      />
      <button type="submit">Send</button>
    </form>
  );
}

/** Tells the others, until there was no key for a while. */
function useTyping(id: string): (isTyping: boolean) => void {
  const { present } = useRoom(`/rooms/${id}`);
  const pause = useRef<ReturnType<typeof setTimeout>>(undefined);
  const told = useRef(false);
  useEffect(() => () => clearTimeout(pause.current), []);
  return function tell(typing) {
    clearTimeout(pause.current);
    if (typing) pause.current = setTimeout(() => tell(false), 4000);
    if (told.current !== typing) present({ typing });
    told.current = typing;
  };
}
