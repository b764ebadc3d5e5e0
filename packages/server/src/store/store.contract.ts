import { describe } from 'vitest';
import { changesContract } from './contract/changes.contract.js';
import { commitContract } from './contract/commit.contract.js';
import { createdContract } from './contract/created.contract.js';
import { dependentsContract } from './contract/dependents.contract.js';
import { epochContract } from './contract/epoch.contract.js';
import { eraseContract } from './contract/erase.contract.js';
import { groupsContract } from './contract/groups.contract.js';
import { historyContract } from './contract/history.contract.js';
import { lifeContract } from './contract/life.contract.js';
import { migrateContract } from './contract/migrate.contract.js';
import { mistypedContract } from './contract/mistyped.contract.js';
import { onceContract } from './contract/once.contract.js';
import { prepareContract } from './contract/prepare.contract.js';
import { queryContract } from './contract/query.contract.js';
import { readerContract } from './contract/reader.contract.js';
import { readsContract } from './contract/reads.contract.js';
import { restoreContract } from './contract/restore.contract.js';
import type { OpenStore } from './contract/setup.js';

export type { OpenStore } from './contract/setup.js';

/** The contract of the store port, as tests for any adapter. */
export function storeContract(name: string, open: OpenStore): void {
  describe(`the ${name} store`, () => {
    lifeContract(open);
    prepareContract(open);
    epochContract(open);
    commitContract(open);
    readsContract(open);
    groupsContract(open);
    eraseContract(open);
    dependentsContract(open);
    historyContract(open);
    createdContract(open);
    changesContract(open);
    migrateContract(open);
    mistypedContract(open);
    onceContract(open);
    queryContract(open);
    restoreContract(open);
    readerContract(open);
  });
}
