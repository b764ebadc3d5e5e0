import { testCells } from '../machine-cells.fixture.js';
import { clientError } from '../really-error.js';
import { writeTable } from './write-state.js';

const error = clientError('aborted');
const stays = { send: '=', lose: '=', defer: '=', commit: '=', refuse: '=', doubt: '=' } as const;

testCells('[TSC1]', writeTable, {
  states: {
    queued: { state: 'queued' },
    sent: { state: 'sent', firstSentAt: 1 },
    committed: { state: 'committed', result: 1 },
    refused: { state: 'refused', error },
    uncertain: { state: 'uncertain', error },
  },
  events: {
    send: { event: 'send', at: 5 },
    lose: { event: 'lose' },
    defer: { event: 'defer', notBefore: 9 },
    commit: { event: 'commit', result: 2 },
    refuse: { event: 'refuse', error },
    doubt: { event: 'doubt', error },
  },
  next: {
    queued: { ...stays, send: 'sent', defer: 'queued', refuse: 'refused', doubt: 'uncertain' },
    sent: {
      ...stays,
      lose: 'queued',
      defer: 'queued',
      commit: 'committed',
      refuse: 'refused',
      doubt: 'uncertain',
    },
    committed: stays,
    refused: stays,
    uncertain: stays,
  },
});
