// The page: follows the machines, draws them once a frame, and measures how long that took.
import { type ListQuery, Really } from '@really/client';
import '@really/client/live';
import { Chart } from './chart.js';
import { type ClockDifference, compareClocks } from './clock.js';
import { Grid } from './grid.js';
import { type Machines, type Models, modelsHash } from './really.js';
import { Recent } from './recent.js';
import { token } from './token.js';

const $ = (id: string) => document.getElementById(id) as HTMLElement;
const really = new Really<Models>(location.origin, { token, models: modelsHash });
const machines = really.collection('/machines');

/** All of them, for the charts. */
const all = machines.live({ sort: 'name', limit: 1000 });
/** Those in trouble. The server keeps the list: it says who comes and who goes. */
const hottest = machines.live({ filter: 'load >= 90', sort: '-load', limit: 10 });
/** What the grid shows. While nothing is chosen it is the same query as `all`, so it costs nothing. */
let shown = machines.live(chosenQuery());

function chosenQuery(): ListQuery<never> {
  const { site, load, sort } = Object.fromEntries(new FormData($('choice') as HTMLFormElement));
  const conditions = [site && 'site = $site', load && 'load >= $load'].filter(Boolean);
  const values = { ...(site && { site }), ...(load && { load: Number(load) }) };
  const filter = conditions.join(' and ');
  return { ...(filter && { filter, values }), sort: String(sort), limit: 1000 };
}

$('choice').addEventListener('change', () => {
  shown.close();
  shown = machines.live(chosenQuery());
  shown.subscribe(drawSoon);
  drawSoon();
});

// ── Drawing, and its lag ────────────────────────────────────────────────────────────────────────

const grid = new Grid($('grid'));
const lag = new Recent(10_000, 10_000);
const frames = new MessageChannel();
let clock: ClockDifference | undefined;
let isDue = false;
/** Times of the reports that the frame shows which is being drawn. */
let reported: number[] = [];
let wasHidden = false;

/** Draws once, before the next frame, for all that changes until then. A page that nobody sees has no frames. */
function drawSoon(): void {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(draw);
}

function draw(): void {
  isDue = false;
  // Until a new list has come, the one before stays.
  const redrawn = shown.value ? grid.draw(shown.value) : [];
  if (!wasHidden) reported = redrawn.map(({ at }) => Date.parse(at));
  wasHidden = false;
  drawHottest();
  // A message is handled when the frame has been drawn.
  frames.port2.postMessage(undefined);
}

frames.port1.onmessage = () => {
  if (clock) for (const at of reported) lag.add(Date.now() + clock.ahead - at);
  reported = [];
};

// What changed while nobody looked is shown late, but not because of a lag.
document.addEventListener('visibilitychange', () => {
  wasHidden = true;
});

function drawHottest(): void {
  const lines = (hottest.value ?? []).map(
    ({ name, load }: Machines) => `${name}: ${load.toFixed(1)} %`,
  );
  if ($('hottest').dataset.shown === lines.join()) return;
  $('hottest').dataset.shown = lines.join();
  const items = lines.map((line) =>
    Object.assign(document.createElement('li'), { textContent: line }),
  );
  $('hottest').replaceChildren(...items);
  $('none-hot').hidden = lines.length > 0;
}

// ── Twice a second: charts and numbers ──────────────────────────────────────────────────────────

const points = 120;
const loadChart = new Chart($('load-chart'), { points, top: 100 });
const lagChart = new Chart($('lag-chart'), { points });
let updates = 0;
/** Numbers of updates in the last samples. */
let rates: number[] = [];

function sample(): void {
  const { value = [], stale } = all.getSnapshot();
  const bySite = Object.groupBy(value, ({ site }) => site);
  const means = Object.entries(bySite).map(([site, its = []]) => {
    return [site, its.reduce((sum, { load }) => sum + load, 0) / its.length] as const;
  });
  loadChart.add(Object.fromEntries(means), stale);
  const [median, worst] = [lag.quantile(0.5), lag.quantile(0.99)];
  const top = lagChart.add({ median, worst }, stale);
  setText('lag-top', `${top} ms`);
  setText('median', milliseconds(median));
  setText('worst', milliseconds(worst));
  setText('within', clock ? `± ${Math.ceil(clock.within)} ms` : '…');
  rates = [...rates, updates].slice(-6);
  updates = 0;
  setText('rate', `${Math.round((rates.reduce((a, b) => a + b) / rates.length) * 2)}`);
  if (shown.value) setText('count', `${shown.value.length} of ${value.length}`);
  for (const [site, mean] of means) setText(`legend-${site}`, `${site} ${mean.toFixed(0)} %`);
  if (shown.value) grid.arrange(shown.value);
}

const milliseconds = (value: number | undefined) =>
  value === undefined ? '–' : `${value.toFixed(0)} ms`;

/** What is the same is not touched: somebody may have selected it. */
function setText(id: string, text: string): void {
  if ($(id).textContent !== text) $(id).textContent = text;
}

// ── The connection ──────────────────────────────────────────────────────────────────────────────

let state = '';

function drawState(): void {
  const before = state;
  ({ state } = really.connection.getSnapshot());
  $('state').dataset.state = state;
  setText(
    'state',
    state === 'connected' ? 'live' : state === 'disconnected' ? 'offline, trying again' : state,
  );
  if (state === 'connected' && before !== 'connected') void adjustClock();
}

async function adjustClock(): Promise<void> {
  // If it fails the connection was lost, and the next one does it again.
  clock = await compareClocks(really).catch(() => clock);
}

all.subscribe((_, { kind }) => {
  if (kind === 'updated') updates += 1;
});
shown.subscribe(drawSoon);
hottest.subscribe(drawSoon);
really.connection.subscribe(drawState);
drawState();
setInterval(sample, 500);
