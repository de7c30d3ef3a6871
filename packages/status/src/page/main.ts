import type { StatusDocument } from "../document.ts";
import { ChangeFeed } from "./change-feed.ts";
import { makeCharts } from "./charts.ts";
import { Details } from "./details.ts";
import { byId, setText } from "./dom.ts";
import { MemberTable } from "./member-table.ts";
import { Model, type EventMessage, type UpdateMessage } from "./model.ts";
import { renderCounters, renderOverview } from "./overview.ts";
import { SuspicionMap } from "./suspicion-map.ts";

/** The shortest time between two draws of the page, in ms. */
const drawInterval = 200;
/** The time before the page connects again, in ms. */
const reconnectDelay = 3_000;

/** The events of the server, by type. */
interface Messages {
  readonly status: StatusDocument;
  readonly event: EventMessage;
  readonly update: UpdateMessage;
  readonly end: UpdateMessage;
}

const model = new Model();
const details = new Details(model);
const table = new MemberTable(model, (name) => details.open(name));
const feed = new ChangeFeed(model);
const suspicions = new SuspicionMap(model);
const charts = makeCharts();
const connection = byId("connection");
let isDrawPlanned = false;
let drawnAt = -Infinity;

function draw(): void {
  isDrawPlanned = false;
  drawnAt = performance.now();
  renderOverview(model);
  table.render();
  feed.render();
  suspicions.render();
  charts.render(model.samples);
  renderCounters(model);
  details.render();
}

function drawSoon(): void {
  if (isDrawPlanned) return;
  isDrawPlanned = true;
  setTimeout(() => requestAnimationFrame(draw), Math.max(0, drawnAt + drawInterval - performance.now()));
}

function connect(): void {
  const path = location.pathname.endsWith("/") ? location.pathname : `${location.pathname}/`;
  const source = new EventSource(`${path}events`);
  const on = <Type extends keyof Messages>(type: Type, take: (message: Messages[Type]) => void): void =>
    source.addEventListener(type, (event: MessageEvent<string>) => {
      take(JSON.parse(event.data) as Messages[Type]);
      drawSoon();
    });
  on("status", (status) => {
    model.reset(status, Date.now());
    setConnection("Live", false);
  });
  on("event", (message) => {
    model.addEvent(message);
    feed.add(message.event);
  });
  on("update", (message) => model.update(message, Date.now()));
  on("end", (message) => {
    model.update(message, Date.now());
    source.close();
    onLost(source);
  });
  source.addEventListener("error", () => onLost(source));
}

function onLost(source: EventSource): void {
  const isShutDown = model.latest?.node.state === "shutdown";
  setConnection(isShutDown ? "The node was shut down. This is its last state." : "The connection is lost. Trying again…", true);
  // Browsers do not connect again after an error response.
  if (source.readyState === EventSource.CLOSED) setTimeout(connect, reconnectDelay);
}

function setConnection(text: string, isLost: boolean): void {
  setText(connection, text);
  connection.classList.toggle("lost", isLost);
}

// Ages also grow between messages.
setInterval(() => {
  table.render();
  details.render();
}, 1_000);
connect();
