import { hostPort } from "../api/address.ts";
import type { ResolvedConfig } from "../config/config.ts";
import { errorMessage } from "../api/errors.ts";
import type { Log } from "../ports/log.ts";
import { isWildcard } from "../transport-kit/bind-target.ts";
import type { ClockTimer } from "../ports/clock.ts";
import type { AdvertisedAddress, Transport } from "../ports/transport.ts";
import { askAdvertiseAddr, finalAdvertiseAddr } from "./advertised-address.ts";
import type { PendingOperations } from "./pending-operations.ts";
import type { Stats } from "./stats.ts";

interface AddressWatchOptions {
  readonly config: ResolvedConfig;
  readonly transport: Transport;
  readonly operations: PendingOperations;
  readonly log: Log;
  readonly stats: Stats;
  /** What is advertised from the start. */
  readonly advertised: AdvertisedAddress;
  /** The address has left the machine, or is back. */
  readonly onLost: (isLost: boolean, address: AdvertisedAddress) => void;
  /** From now on, others are to reach us here. */
  readonly onMoved: (to: AdvertisedAddress) => void;
}

/**
 * Notices, every `addressCheckInterval`, that the advertised address has left the machine (DHCP, a moved virtual machine), and asks
 * `advertiseAddr` again where it is a function. An address that was not the machine's own at the start (NAT) is not missed.
 */
export class AddressWatch {
  readonly #options: AddressWatchOptions;
  #current: AdvertisedAddress;
  /** The machine had the current address when it was chosen. */
  #isOwn = false;
  #isLost = false;
  #isStopped = false;
  /** Why no address can be advertised now: logged once. */
  #failure = "";
  #timer: ClockTimer;

  constructor(options: AddressWatchOptions) {
    this.#options = options;
    this.#current = options.advertised;
  }

  start(): void {
    const { config, log, transport } = this.#options;
    if (config.addressCheckInterval === 0) return;
    const has = this.#has();
    this.#isOwn = has === true;
    if (transport.hasAddress !== undefined && has === undefined) {
      const message =
        "cannot see the machine's addresses, so that a lost one is not noticed; Deno needs --allow-sys=networkInterfaces";
      log.info("address_watch_off", message);
    }
    if (this.#isOwn || this.#isAsked) this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    this.#options.config.clock.clearTimeout(this.#timer);
  }

  get #isAsked(): boolean {
    return typeof this.#options.config.advertiseAddr === "function";
  }

  #arm(): void {
    const { addressCheckInterval, clock } = this.#options.config;
    this.#timer = clock.setTimeout(() => {
      this.#check().then(
        () => {
          if (!this.#isStopped) this.#arm();
        },
        () => undefined,
      );
    }, addressCheckInterval);
  }

  /** Never throws. */
  async #check(): Promise<void> {
    this.#look();
    if (!this.#isAsked || this.#isStopped) return;
    const { config, log, operations, stats, transport } = this.#options;
    try {
      const wanted = await askAdvertiseAddr(config, operations);
      // The transport keeps its own choice while the machine has the address: another interface that comes up changes nothing.
      if (wanted === "" && !this.#isLost) return;
      const next = await finalAdvertiseAddr(transport, wanted, config.advertisePort);
      if (this.#isStopped || (next.addr === this.#current.addr && next.port === this.#current.port)) return;
      this.#current = next;
      this.#isOwn = this.#has() === true;
      this.#isLost = false;
      this.#failure = "";
      this.#options.onMoved(next);
    } catch (error) {
      if (this.#isStopped) return;
      stats.count("advertise_address_failed");
      const failure = errorMessage(error);
      if (failure === this.#failure) return;
      this.#failure = failure;
      log.warn("advertise_address_failed", `still advertising ${this.#shown}: ${failure}`, { error });
    }
  }

  /** Whether the address is still there. */
  #look(): void {
    const { log, onLost, stats } = this.#options;
    const isLost = this.#isOwn && this.#has() === false;
    if (isLost === this.#isLost) return;
    this.#isLost = isLost;
    if (isLost) {
      stats.count("address_lost");
      log.warn(
        "address_lost",
        `the machine has lost the address ${this.#current.addr}: other members cannot reach this node. ${this.#advice}`,
        {
          address: this.#shown,
        },
      );
    } else log.info("address_returned", `the machine has the address ${this.#current.addr} again`, { address: this.#shown });
    onLost(isLost, this.#current);
  }

  get #advice(): string {
    const { bindAddr } = this.#options.config;
    if (!isWildcard(bindAddr)) return `It listens on ${bindAddr} alone: restart it, or bind it to 0.0.0.0`;
    return this.#isAsked
      ? "Asking advertiseAddr for another one"
      : "Restart it, or make advertiseAddr a function that returns the current address";
  }

  get #shown(): string {
    return hostPort(this.#current.addr, this.#current.port);
  }

  #has(): boolean | undefined {
    return this.#options.transport.hasAddress?.(this.#current.addr);
  }
}
