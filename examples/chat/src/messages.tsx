// The messages of a room, the newest at the bottom. Older ones come when somebody scrolls up to them.
import { useCollection, useObject, useWrite } from '@really/client/react';
import { memo, useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { RoomsMessages } from './really.js';
import type { Names } from './room.tsx';

/** As many as a live list may have. */
const most = 1000;

interface MessagesProps {
  id: string;
  me: string;
  names: Names;
  /** How many there have been. */
  total: number;
}

export function Messages({ id, me, names, total }: MessagesProps) {
  const [limit, setLimit] = useState(40);
  const query = { sort: '-at', limit };
  const options = { keepPrevious: true, optimistic: true };
  const list = useCollection(`/rooms/${id}/messages`, query, options);
  const messages = list.value ?? [];
  const sent = messages.filter(({ _rev }) => _rev > 0);
  // They have no time yet.
  const waiting = messages.filter(({ _rev }) => _rev === 0);
  const isAll = sent.length < limit;
  const isMore = !list.stale && !isAll && limit < most;
  const beginning = list.stale ? 'Loading …' : isAll ? 'This is where it begins.' : '';

  const [top, isTopSeen] = useSeen();
  const [end, isEndSeen] = useSeen();
  useEffect(() => {
    // Twice as many each time: so each message comes about twice in all.
    if (isTopSeen && isMore) setLimit(Math.min(most, 2 * limit));
  }, [isTopSeen, isMore, limit]);
  const scroller = useRef<HTMLDivElement>(null);
  const unread = useReading(id, me, { total, isRead: isEndSeen });

  return (
    <div className="messages" role="log" aria-label="Messages" aria-busy={list.stale}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by the keyboard */}
      <div className="scroller" ref={scroller} tabIndex={0}>
        <ol>
          <li ref={top} className="quiet">
            {isMore ? 'Older messages …' : beginning}
          </li>
          {[...sent.toReversed(), ...waiting.toReversed()].map((message, at, all) => (
            <Message
              key={message._r}
              message={message}
              isMine={message.author === me}
              name={all[at - 1]?.author === message.author ? '' : names.get(message.author)}
            />
          ))}
          <li ref={end} />
        </ol>
      </div>
      {unread > 0 && !isEndSeen && (
        <button type="button" className="down" onClick={() => scroller.current?.scrollTo(0, 0)}>
          {unread} new ↓
        </button>
      )}
    </div>
  );
}

interface MessageProps {
  message: RoomsMessages;
  isMine: boolean;
  /** Shown where it is not that of the message before. */
  name: string | undefined;
}

const Message = memo(function Message({ message, isMine, name }: MessageProps) {
  const { _rev, text, at } = message;
  const time = at && new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return (
    <li className={isMine ? 'message mine' : 'message'} data-waiting={_rev === 0}>
      {name && !isMine && <span className="name">{name}</span>}
      <p>{text}</p>
      <footer>{_rev === 0 ? 'sending …' : <time dateTime={at}>{time}</time>}</footer>
    </li>
  );
});

/** Stores how much of the room we have read. Returns how many messages are unread. */
function useReading(id: string, me: string, { total, isRead }: { total: number; isRead: boolean }) {
  const own = useObject(`/rooms/${id}/members/${me}`).value;
  const { update } = useWrite();
  const isVisible = useSyncExternalStore(
    onVisibility,
    () => document.visibilityState === 'visible',
  );
  const unread = Math.max(0, total - (own?.seen ?? total));
  // With a total of 0 the room is not loaded, or has no messages.
  const isDue = own && total > 0 && own.seen !== total && isRead && isVisible;
  const due = isDue ? total : undefined;
  const dueWhenLeft = useRef<number>(undefined);
  const store = useCallback(
    (seen: number) => void update(`/rooms/${id}/members/${me}`, (u) => u.set('seen', seen)),
    [id, me, update],
  );
  useEffect(() => {
    dueWhenLeft.current = due;
    if (due === undefined) return;
    // One write for several messages that come together.
    const timer = setTimeout(() => store(due), 300);
    return () => clearTimeout(timer);
  }, [due, store]);
  // Whoever leaves the room before that has read it too.
  useEffect(
    () => () => {
      if (dueWhenLeft.current !== undefined) store(dueWhenLeft.current);
    },
    [store],
  );
  return unread;
}

function onVisibility(listener: () => void) {
  document.addEventListener('visibilitychange', listener);
  return () => document.removeEventListener('visibilitychange', listener);
}

/** Whether an element is in view, or nearly. */
function useSeen() {
  const [isSeen, setSeen] = useState(false);
  const ref = useCallback((element: Element | null) => {
    if (!element) return;
    const root = element.closest('.scroller');
    const observer = new IntersectionObserver(
      (entries) => setSeen(entries.at(-1)?.isIntersecting ?? false),
      { root, rootMargin: '200px 0px 0px' },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, isSeen] as const;
}
