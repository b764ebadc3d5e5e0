import {
  createContext,
  createElement,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from 'react';
import type { EventsAt, KnownR, PatternOf, PresenceAt } from '../models.js';
import type { RoomMember } from '../room/room.js';
import { useProvided } from './provider.js';
import type { RegisteredModels } from './register.js';
import {
  type AnyRoomResult,
  disabledRoom,
  joiningRoom,
  type RoomResult,
  sharedRoomsOf,
} from './shared-rooms.js';

type StateOf<R extends string> = PresenceAt<RegisteredModels, PatternOf<R>>;
type RoomEventsOf<R extends string> = EventsAt<RegisteredModels, PatternOf<R>>;

export interface RoomHookOptions<State> {
  /** That one appears with at first; `present` changes it. Without it one only watches. */
  readonly state?: State | undefined;
}

/** Is in the room of an object while the component is there: who else is, and what to say. Null: in none. */
export function useRoom<const R extends string>(
  r: KnownR<RegisteredModels, R> | null | undefined,
  { state }: RoomHookOptions<StateOf<R>> = {},
): RoomResult<StateOf<R>, RoomEventsOf<R>> {
  return useRoomSelection(r, state, wholeRoom) as unknown as RoomResult<
    StateOf<R>,
    RoomEventsOf<R>
  >;
}

export interface RoomProviderProps<R extends string> extends RoomHookOptions<StateOf<R>> {
  readonly r: KnownR<RegisteredModels, R> | null | undefined;
  readonly children?: ReactNode;
}

const RoomContext = createContext<string | undefined>(undefined);

/** Is in the room of an object, which is that of `useOthers` in it. It is not rendered again when the others change. */
export function RoomProvider<const R extends string>({
  r,
  state,
  children,
}: RoomProviderProps<R>): ReactNode {
  useRoomSelection(r, state, nothing);
  return createElement(RoomContext.Provider, { value: r ?? undefined }, children);
}

/** What `useOthers` returns: a room, with what was selected of the others. */
export interface OthersResult<Selected>
  extends Omit<RoomResult<object, object>, 'value' | 'room' | 'present'> {
  readonly value: Selected | undefined;
}

/**
 * The others in the room of the provider, or what a selector takes from them: the component is rendered again only
 * where that is something else, member by member of a list or an object.
 */
export function useOthers<Selected = readonly RoomMember[]>(
  selector: (others: readonly RoomMember[]) => Selected = (others) => others as Selected,
): OthersResult<Selected> {
  const r = useContext(RoomContext);
  const select = ({ status, value, stale, pending, error }: AnyRoomResult) => {
    const selected = value && selector(value.others as readonly RoomMember[]);
    return { status, value: selected, stale, pending, error };
  };
  return useRoomSelection(r, undefined, select);
}

const wholeRoom = (room: AnyRoomResult) => room;
const nothing = () => undefined;

function useRoomSelection<Selected>(
  r: string | null | undefined,
  state: object | undefined,
  select: (room: AnyRoomResult) => Selected,
): Selected {
  const { client, linger } = useProvided();
  const rooms = sharedRoomsOf(client);
  const latest = useRef(state);
  const kept = useRef<Selected>(undefined);
  const subscribe = useCallback(
    (listener: () => void) =>
      typeof r === 'string' ? rooms.subscribe(r, latest.current, { listener, linger }) : () => {},
    [rooms, r, linger],
  );
  const selection = useMemo(() => {
    let last: { readonly of: AnyRoomResult; readonly selected: Selected } | undefined;
    return (of: AnyRoomResult): Selected => {
      if (last?.of === of) return last.selected;
      const selected = select(of);
      const before = last ? last.selected : kept.current;
      last = { of, selected: isAlike(before, selected) ? (before as Selected) : selected };
      return last.selected;
    };
  }, [select]);
  const get = (before: AnyRoomResult) => selection(typeof r === 'string' ? before : disabledRoom);
  // Before the next one, which subscribes: one appears with the state of the render that joins.
  useEffect(() => {
    latest.current = state;
  });
  const selected = useSyncExternalStore(
    subscribe,
    () => get(typeof r === 'string' ? rooms.getSnapshot(r) : disabledRoom),
    () => get(joiningRoom),
  );
  useEffect(() => {
    kept.current = selected;
  });
  return selected;
}

/** Whether they are the same, or have the same members: two levels, for a result with a list in it. */
function isAlike(a: unknown, b: unknown, levels = 2): boolean {
  if (Object.is(a, b)) return true;
  if (levels === 0 || typeof a !== 'object' || typeof b !== 'object' || !a || !b) return false;
  const [left, right] = [Object.entries(a), Object.entries(b)];
  if (left.length !== right.length || Array.isArray(a) !== Array.isArray(b)) return false;
  return left.every(([name, value]) => isAlike(value, (b as never)[name], levels - 1));
}
