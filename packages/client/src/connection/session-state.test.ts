import { testCells } from '../machine-cells.fixture.js';
import { type SessionInfo, sessionTable } from './session-state.js';

const info: SessionInfo = { handle: 'h', user: { uid: 'u' }, epoch: 'e', expires: undefined };
const stays = {
  open: '=',
  greet: '=',
  initialized: '=',
  renew: '=',
  postpone: '=',
  end: '=',
} as const;

testCells('[TSC7]', sessionTable, {
  states: {
    none: { state: 'none' },
    opening: { state: 'opening' },
    initializing: { state: 'initializing', token: 't', isSecond: false },
    ready: { state: 'ready', info },
    renewing: { state: 'renewing', info },
  },
  events: {
    open: { event: 'open' },
    greet: { event: 'greet', token: 't' },
    initialized: { event: 'initialized', info },
    renew: { event: 'renew' },
    postpone: { event: 'postpone' },
    end: { event: 'end' },
  },
  next: {
    none: { ...stays, open: 'opening' },
    opening: { ...stays, greet: 'initializing', end: 'none' },
    initializing: { ...stays, greet: 'initializing', initialized: 'ready', end: 'none' },
    ready: { ...stays, initialized: 'ready', renew: 'renewing', end: 'none' },
    renewing: { ...stays, initialized: 'ready', postpone: 'ready', end: 'none' },
  },
});
