import { testCells } from '../machine-cells.fixture.js';
import { connectionTable } from './connection-state.js';

const stays = {
  connect: '=',
  initialized: '=',
  lost: '=',
  unauthorized: '=',
  refuse: '=',
  close: '=',
} as const;

testCells('[TSC5]', connectionTable, {
  states: {
    connecting: { state: 'connecting', attempt: 1 },
    connected: { state: 'connected', attempt: 1 },
    disconnected: { state: 'disconnected', reason: 'x', retryAt: 5, attempt: 1 },
    'needs-auth': { state: 'needs-auth', reason: 'x' },
    refused: { state: 'refused', reason: 'x' },
    closed: { state: 'closed', reason: 'x' },
  },
  events: {
    connect: { event: 'connect' },
    initialized: { event: 'initialized' },
    lost: { event: 'lost', reason: 'y', retryAt: 9, attempt: 2 },
    unauthorized: { event: 'unauthorized', reason: 'y' },
    refuse: { event: 'refuse', reason: 'y' },
    close: { event: 'close', reason: 'y' },
  },
  next: {
    connecting: {
      connect: '=',
      initialized: 'connected',
      lost: 'disconnected',
      unauthorized: 'needs-auth',
      refuse: 'refused',
      close: 'closed',
    },
    connected: {
      connect: '=',
      initialized: '=',
      lost: 'disconnected',
      unauthorized: 'needs-auth',
      refuse: 'refused',
      close: 'closed',
    },
    disconnected: { ...stays, connect: 'connecting', close: 'closed' },
    'needs-auth': { ...stays, connect: 'connecting', close: 'closed' },
    refused: { ...stays, connect: 'connecting', close: 'closed' },
    closed: stays,
  },
});
