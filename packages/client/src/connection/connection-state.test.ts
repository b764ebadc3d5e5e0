import { testMoves } from '../machine-cells.fixture.js';
import { connectionMoves } from './connection-state.js';

testMoves('[TSC5]', connectionMoves, {
  states: {
    connecting: { state: 'connecting', attempt: 1 },
    connected: { state: 'connected', attempt: 1 },
    disconnected: { state: 'disconnected', reason: 'x', retryAt: 5, attempt: 1 },
    'needs-auth': { state: 'needs-auth', reason: 'x' },
    refused: { state: 'refused', reason: 'x' },
    closed: { state: 'closed', reason: 'x' },
  },
  next: {
    connecting: ['connected', 'disconnected', 'needs-auth', 'refused', 'closed'],
    connected: ['disconnected', 'needs-auth', 'refused', 'closed'],
    disconnected: ['connecting', 'closed'],
    'needs-auth': ['connecting', 'closed'],
    refused: ['connecting', 'closed'],
    closed: [],
  },
});
