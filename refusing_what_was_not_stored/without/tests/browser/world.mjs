// A private PostgreSQL, a simulated Twilio and the program itself, on free ports of loopback, in a folder that goes at the end.
import { execFile, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/// Waits until what() is truthy, and gives that; a machine may be slow, so that the deadline is long.
export async function eventually(what, said, deadline_ms = 180000) {
    const end = Date.now() + deadline_ms;
    let last;
    for (;;) {
        try {
            const found = await what();
            if (found) return found;
            last = undefined;
        } catch (error) {
            last = error;
        }
        if (Date.now() > end) throw new Error(`waited ${deadline_ms / 1000} s for: ${said}${last ? ` (${last.message})` : ""}`);
        await sleep(150);
    }
}

function free_port() {
    return new Promise((resolve, reject) => {
        const server = createServer();
        server.on("error", reject);
        server.listen(0, "127.0.0.1", () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

// initdb refuses root.
async function postgres_user() {
    if (userInfo().uid !== 0) return {};
    const ids = await Promise.all(["-u", "-g"].map(flag => run("id", [flag, "postgres"])));
    const [uid, gid] = ids.map(({ stdout }) => Number(stdout));
    return { uid, gid };
}

function postgres_folder() {
    const home = "/usr/lib/postgresql";
    const versions = existsSync(home) ? readdirSync(home).filter(v => existsSync(join(home, v, "bin/initdb"))).map(Number) : [];
    if (!versions.length) throw new Error(`no PostgreSQL in ${home}: apt-get install postgresql`);
    return join(home, String(Math.max(...versions)), "bin");
}

function parent_of(pid) {
    try {
        // After the command's name, which may have anything in it.
        return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ")[1]);
    } catch {
        return 0;  // it has ended
    }
}

export const kToken = "a-token-of-the-test-0123456789";
export const kReadonlyToken = "a-readonly-token-of-the-test-0123";
export const kShop = "+33700000001";

export class World {
    /// binary  the program, as built
    constructor(binary) {
        this.binary = binary;
        this.children = [];
        this.folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : "/tmp", "pgcourier-console-"));
    }

    #spawn(name, command, parameters, options = {}) {
        const log = openSync(join(this.folder, name + ".log"), "a");
        const child = spawn(command, parameters, { stdio: ["ignore", log, log], ...options });
        child.ended = new Promise(resolve => child.on("exit", resolve));
        child.name = name;
        this.children.push(child);
        return child;
    }

    log_of(name) {
        return readFileSync(join(this.folder, name + ".log"), "utf8");
    }

    async start() {
        const as = await postgres_user();
        if (as.uid !== undefined) chownSync(this.folder, as.uid, as.gid);
        const bin = postgres_folder();
        const data = join(this.folder, "data");
        await run(join(bin, "initdb"), ["-D", data, "-U", "pgcourier", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"], { ...as, cwd: "/" });
        const [postgres_port, twilio_port, port] = await Promise.all([free_port(), free_port(), free_port()]);
        this.#spawn("postgres", join(bin, "postgres"), ["-D", data, "-p", postgres_port, "-c", "listen_addresses=127.0.0.1", "-k", this.folder, "-c", "fsync=off"], { ...as, cwd: "/" });
        this.database = `postgresql://pgcourier@127.0.0.1:${postgres_port}/`;
        await eventually(() => run("psql", [this.database + "postgres", "-qc", "SELECT 1"]), "PostgreSQL to answer");
        await run("psql", [this.database + "postgres", "-qc", "CREATE DATABASE courier"]);
        this.database += "courier";
        this.twilio = `http://127.0.0.1:${twilio_port}`;
        this.url = `http://127.0.0.1:${port}`;
        const account = "AC" + "0123456789abcdef".repeat(2);
        this.environment = {
            PATH: process.env.PATH, HOME: this.folder, DATABASE_URL: this.database, HOST: "127.0.0.1", PORT: String(port), WEBHOOK_PUBLIC_URL: this.url,
            TWILIO_API_BASE_URL: this.twilio, TWILIO_ACCOUNT_SID: account, TWILIO_AUTH_TOKEN: "fedcba9876543210".repeat(2), TWILIO_WHATSAPP_NUMBER: kShop,
            PGCOURIER_ENV: "development", LOG_FORMAT: "text", OUTBOX_BACKOFF_MAX_MS: "500", OPS_TOKEN: kToken, OPS_TOKEN_READONLY: kReadonlyToken,
        };
        await this.program("migrate", "up");
        this.#spawn("twilio", this.binary, ["twilio-sim", "--port", twilio_port, "--account-sid", account, "--inbound-url", this.url + "/webhooks/twilio", "--inbound-to", kShop], { env: this.environment });
        await this.start_serving();
        await eventually(() => run(this.binary, ["twilio-sim", "ledger", "--url", this.twilio], { env: this.environment }), "the simulator to answer");
    }

    async start_serving() {
        this.serve = this.#spawn("serve", this.binary, ["serve"], { env: this.environment });
        await eventually(async () => (await fetch(this.url + "/readyz")).ok, "the program to be ready: " + this.folder);
    }

    async stop_serving() {
        this.serve.kill("SIGTERM");
        await this.serve.ended;
    }

    /// All of PostgreSQL stands still, as on a machine that has no processor for it, or goes on.
    freeze_database(is_frozen) {
        const { pid } = this.children.find(child => child.name === "postgres");
        const sessions = readdirSync("/proc").filter(name => /^\d+$/.test(name) && parent_of(name) === pid).map(Number);
        for (const one of is_frozen ? [pid, ...sessions] : [...sessions, pid]) process.kill(one, is_frozen ? "SIGSTOP" : "SIGCONT");
    }

    /// Runs the program with these words; returns what it printed.
    async program(...words) {
        for (let turn = 1; ; ++turn) {
            try {
                return (await run(this.binary, words, { env: this.environment })).stdout;
            } catch (error) {
                // Nothing was done yet: a machine with much else to do.
                if (turn === 5 || !/connection to server .* failed: timeout expired/.test(error.stderr)) throw error;
            }
        }
    }

    simulator(...words) {
        return this.program("twilio-sim", words[0], "--url", this.twilio, ...words.slice(1));
    }

    /// One statement, with values for $1… as psql's :'v1'…; returns the rows' first columns as lines.
    async sql(statement, ...values) {
        const named = statement.replace(/\$(\d+)/g, ":'v$1'");
        const { stdout } = await new Promise((resolve, reject) => {
            const child = execFile("psql", [this.database, "-qtA", "-v", "ON_ERROR_STOP=1", ...values.flatMap((value, i) => ["-v", `v${i + 1}=${value}`])],
                (error, stdout, stderr) => (error ? reject(new Error(stderr || error.message)) : resolve({ stdout })));
            child.stdin.end(named);
        });
        return stdout.trim();
    }

    async send(tenant, to, body) {
        return JSON.parse(await this.program("outbox", "add", "--json", "--tenant", tenant, "--to", to, "--body", body));
    }

    async end() {
        for (const child of [...this.children].reverse()) {
            if (child.exitCode !== null || child.signalCode !== null) continue;
            child.kill(child.name === "postgres" ? "SIGINT" : "SIGTERM");
            const timer = setTimeout(() => child.kill("SIGKILL"), 60000);
            await child.ended;
            clearTimeout(timer);
        }
        rmSync(this.folder, { recursive: true, force: true });
    }
}
