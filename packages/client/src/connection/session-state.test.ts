import { testMoves } from '../machine-cells.fixture.js';
import { type SessionInfo, sessionMoves } from './session-state.js';

const info: SessionInfo = { handle: 'h', user: { uid: 'u' }, epoch: 'e', expires: undefined };
testMoves('[TSC7]', sessionMoves, {
  states: {
    none: { state: 'none' },
    opening: { state: 'opening' },
    initializing: { state: 'initializing', token: 't', isSecond: false },
    ready: { state: 'ready', info },
    renewing: { state: 'renewing', info },
  },
  next: {
    none: ['opening'],
    opening: ['initializing', 'none'],
    initializing: ['initializing', 'ready', 'none'],
    ready: ['ready', 'renewing', 'none'],
    renewing: ['ready', 'none'],
  },
});
