/* The load and the echo behind `netsiege bench hub`, in C so that they do not hide the hub's own speed.
 *
 *   bench_load raw    ENDPOINT SOCKETS 1     SECONDS - - FRAME            frames that come back as they went
 *   bench_load step   ENDPOINT SOCKETS 1     SECONDS HELLO JOIN MOVES [RESET]
 *                                          a STEP at a time on each socket
 *   bench_load crowd  ENDPOINT AGENTS  1     SECONDS HELLO JOIN MOVES [RESET]
 *                                          the same, but all connections belong to one socket: of thousands
 *                                          of sockets most of the time would go into looking at each
 *   bench_load many   ENDPOINT SOCKETS SEATS SECONDS HELLO JOIN MOVES [RESET]
 *                                          STEP_MANY with all seats of a socket
 *   bench_load worker ENDPOINT READY SEATED END SNAPSHOT_EVERY            an engine whose games go nowhere
 *   bench_load echo   ENDPOINT                                            sends every message back
 *   bench_load check                                                      nothing: that it can be started
 *
 * HELLO and READY are whole frames, MOVES (joined by commas), JOIN, RESET, SEATED and END are bodies, all in
 * hexadecimal. After the last move of the list every seat is RESET, if the body of a RESET is given. If the
 * environment has CURVE (the hub's public key, an own one and its secret half, in hexadecimal), all is encrypted.
 * Each agent has one message under way: it sends the next when the answer is there. A load says
 * "begin" when everybody is seated and has warmed up, and SECONDS later "end COUNT SECONDS P50": answers
 * (or answered steps), what it really took, and the median round trip in microseconds. What it does not
 * expect ends it with exit code 1 and a line on stderr. Matches have one seat each.
 */
#include "bench_wire.h"

enum { MAX_MOVES = 4096, MAX_BATCH = 1 << 17, SNAPSHOT_BYTES = 300, TENTHS = 1 << 24, SETUP_S = 30 };

/* --- the load ------------------------------------------------------------------------------------------- */

enum { ID_BYTES = 5 };

typedef struct {
    void *socket;
    uint64_t *seats;            /* the handles, as far as they are known */
    int number;
    int seated, open, next;     /* how many are; answers that are still to come; the move to make */
    uint32_t request;
    double sent_s;
} agent_t;

static struct {
    int raw, many, crowd, seats, n_moves, playing, measuring;
    text_t hello, join, moves[MAX_MOVES], reset;
    uint64_t heard, answers, trips;
    uint32_t histogram[TENTHS];     /* in tenths of a microsecond: up to 1.6 seconds */
} load;

/* In a crowd each connection has a number by which the one socket knows it. */
static size_t put_id(uint8_t *id, int number) {
    put(put(id, 'A', 1), (uint64_t)number, ID_BYTES - 1);
    return ID_BYTES;
}

/* Sends what `out` has up to `end`. */
static void say_as(const agent_t *agent, const uint8_t *end) {
    if (load.crowd) {
        uint8_t id[ID_BYTES];
        const size_t size = put_id(id, agent->number);
        if (zmq_send(agent->socket, id, size, ZMQ_SNDMORE) < 0) die("cannot send", NULL, 0);
    }
    say(agent->socket, out, end);
}

/* JOIN, which concerns no seat yet, or RESET, once for each seat. */
static void ask_for_all(agent_t *agent, int kind, text_t body) {
    for (int i = 0; i < load.seats; i++) {
        uint8_t *end = put_head(out, kind, kind == JOIN ? 0 : agent->seats[i], ++agent->request);
        say_as(agent, put_bytes(end, body.bytes, body.size));
    }
}

static void move(agent_t *agent) {
    agent->open = load.seats;
    agent->sent_s = now_s();
    if (agent->next == load.n_moves) {
        agent->next = 0;
        if (load.reset.size) { ask_for_all(agent, RESET, load.reset); return; }
    }
    const text_t *body = &load.moves[agent->next++];
    uint8_t *end = out;
    if (load.many) {
        end = pack_list(put_head(out, STEP_MANY, 0, ++agent->request), 2 * (size_t)load.seats);
        for (int i = 0; i < load.seats; i++)
            end = pack_bytes(pack_number(end, agent->seats[i]), body->bytes, body->size);
    } else {
        if (!load.raw) end = put_head(out, STEP, agent->seats[0], ++agent->request);
        end = put_bytes(end, body->bytes, body->size);
    }
    say_as(agent, end);
}

static void answered(agent_t *agent, int count) {
    agent->open -= count;
    load.heard++;
    if (load.measuring) load.answers += (uint64_t)count;
    if (agent->open > 0) return;
    if (agent->open < 0) die("more answers than questions", NULL, 0);
    if (load.measuring) {
        const double tenths = (now_s() - agent->sent_s) * 1e7;
        load.histogram[tenths < TENTHS - 1 ? (int)tenths : TENTHS - 1]++;
        load.trips++;
    }
    if (load.playing) move(agent);
}

static void hear_many(agent_t *agent, const uint8_t *at) {
    const int count = (int)unpack(&at) / 3;
    int final = 0;
    for (int i = 0; i < count; i++) {
        unpack(&at);
        const uint64_t kind = unpack(&at);
        const size_t size = unpack(&at);
        if (kind == OBS) final++;
        else if (kind != WAIT) die("a step was answered otherwise: ", at, size);
        at += size;
    }
    answered(agent, final);
}

/* Whether the agent has just got the last of its seats. */
static int hear(agent_t *agent, int size) {
    if (size < HEAD || size > MAX_FRAME) die("a frame has an impossible length", NULL, 0);
    switch (in[1]) {
    case WELCOME: ask_for_all(agent, JOIN, load.join); return 0;
    case SEATED:
        agent->seats[agent->seated++] = get(in + 2, 8);
        return agent->seated == load.seats;
    case OBS: answered(agent, 1); return 0;
    case OBS_MANY: hear_many(agent, in + HEAD); return 0;
    case WAIT: case PONG: return 0;
    default: die(in[1] == ERROR ? "refused: " : "unexpected: ", in + HEAD, (size_t)size - HEAD); return 0;
    }
}

static double median_us(void) {
    uint64_t below = 0;
    for (int i = 0; i < TENTHS; i++) {
        below += load.histogram[i];
        if (2 * below > load.trips) return i / 10.0;
    }
    return 0;
}

/* Hears what one socket has; returns how many agents became ready. */
static int hear_socket(agent_t *agents, agent_t *agent, int most) {
    int size, ready = 0;
    void *socket = agent->socket;
    while (most-- > 0 && (size = zmq_recv(socket, in, sizeof in, ZMQ_DONTWAIT)) >= 0) {
        if (load.crowd) {
            agent = &agents[get(in + 1, ID_BYTES - 1)];
            size = zmq_recv(socket, in, sizeof in, 0);
        }
        if (load.raw) answered(agent, 1);
        else ready += hear(agent, size);
    }
    return ready;
}

/* Hears what comes until then, or until so many agents are ready; returns how many became so. */
static int listen_until(agent_t *agents, zmq_pollitem_t *items, int n, double until_s, int enough) {
    static pid_t parent;
    int ready = 0;
    if (!parent) parent = getppid();
    const int sockets = load.crowd ? 1 : n;
    while (now_s() < until_s && ready < enough) {
        if (getppid() != parent) exit(1);       /* nobody is there to be told */
        if (zmq_poll(items, sockets, 20) < 0) die("cannot poll", NULL, 0);
        for (int i = 0; i < sockets; i++)
            if (items[i].revents & ZMQ_POLLIN) ready += hear_socket(agents, &agents[i], n);
    }
    return ready;
}

/* Every connection takes a descriptor. */
static void allow_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Pings the hub as agents do (netsiege.protocol.HEARTBEAT_IVL_MS). */
static void beat(void *socket) {
    const int every_ms = 1000, timeout_ms = 2000, ttl_ms = 3000;
    zmq_setsockopt(socket, ZMQ_HEARTBEAT_IVL, &every_ms, sizeof every_ms);
    zmq_setsockopt(socket, ZMQ_HEARTBEAT_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    zmq_setsockopt(socket, ZMQ_HEARTBEAT_TTL, &ttl_ms, sizeof ttl_ms);
}

/* A socket of its own for an agent, or another connection of the first one's. */
static void *open_socket(void *context, const agent_t *agents, int number, const char *endpoint) {
    const int linger_ms = 1000, mandatory = 1;
    void *socket = load.crowd && number ? agents[0].socket : NULL;
    if (!socket) {
        socket = zmq_socket(context, load.crowd ? ZMQ_ROUTER : ZMQ_DEALER);
        zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        if (!load.raw) beat(socket);
        secure(socket);
    }
    if (load.crowd) {
        uint8_t id[ID_BYTES];
        zmq_setsockopt(socket, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
        zmq_setsockopt(socket, ZMQ_CONNECT_ROUTING_ID, id, put_id(id, number));
    }
    if (zmq_connect(socket, endpoint) < 0) die("cannot connect", NULL, 0);
    return socket;
}

static void run_load(const char *endpoint, int n, double seconds) {
    allow_descriptors();
    void *context = zmq_ctx_new();
    agent_t *agents = calloc((size_t)n, sizeof *agents);
    zmq_pollitem_t *items = calloc((size_t)n, sizeof *items);
    for (int i = 0; i < n; i++) {
        agents[i].socket = items[i].socket = open_socket(context, agents, i, endpoint);
        items[i].events = ZMQ_POLLIN;
        agents[i].number = i;
        agents[i].request = 1;      /* the HELLO's */
        agents[i].seats = calloc((size_t)load.seats, sizeof *agents[i].seats);
        if (!load.raw) say_as(&agents[i], put_bytes(out, load.hello.bytes, load.hello.size));
    }
    if (!load.raw && listen_until(agents, items, n, now_s() + SETUP_S, n) < n)
        die("not all were seated", NULL, 0);
    load.playing = 1;
    for (int i = 0; i < n; i++) move(&agents[i]);
    listen_until(agents, items, n, now_s() + 0.15 * seconds, n);     /* to warm up, until all are at it */
    for (double until_s = now_s() + SETUP_S; load.heard < (uint64_t)n && now_s() < until_s;)
        listen_until(agents, items, n, now_s() + 0.02, n);
    load.measuring = 1;
    puts("begin");
    fflush(stdout);
    const double began_s = now_s();
    listen_until(agents, items, n, began_s + seconds, n);
    const double took_s = now_s() - began_s;
    load.measuring = load.playing = 0;
    printf("end %llu %f %f\n", (unsigned long long)load.answers, took_s, median_us());
    fflush(stdout);
    for (int i = 0; i < n; i++) {
        if (!load.raw) say_as(&agents[i], put_head(out, BYE, 0, ++agents[i].request));
        if (!load.crowd) zmq_close(agents[i].socket);
    }
    if (load.crowd) zmq_close(agents[0].socket);
    zmq_ctx_term(context);
}

/* --- the worker ----------------------------------------------------------------------------------------- */

static struct { void *socket; text_t ready, seated, end; uint32_t every; uint64_t done; } worker;

static void save(uint64_t lease, uint32_t sequence) {
    static uint8_t frame[HEAD + SNAPSHOT_BYTES];
    if (!worker.every || sequence % worker.every) return;
    put_head(frame, SNAPSHOT, lease, sequence);
    say(worker.socket, frame, frame + sizeof frame);
}

static void play(const uint8_t *event, size_t size) {
    const uint64_t lease = get(in + 2, 8);
    const uint32_t sequence = (uint32_t)get(in + 10, 4);
    const int left = event[2] == LEAVE;
    uint8_t *at = put_bytes(put_head(out, OUT, lease, sequence), event, 2);     /* the seat */
    at = put_bytes(put(put(at, left ? END : OBS, 1), left ? OVER : MOVE, 1), event + 3, 4);
    at = left ? put_bytes(at, worker.end.bytes, worker.end.size)
              : put_bytes(at, event + EVENT_HEAD, size - EVENT_HEAD);
    say(worker.socket, out, at);
    worker.done++;
    save(lease, sequence);
}

static void play_many(const uint8_t *at) {
    static uint64_t leases[MAX_BATCH], sequences[MAX_BATCH];
    const int count = (int)unpack(&at) / 6;
    uint8_t *to = pack_list(put_head(out, OUT_MANY, 0, (uint32_t)count), 7 * (size_t)count);
    if (count > MAX_BATCH) die("a batch is too large", NULL, 0);
    for (int i = 0; i < count; i++) {
        to = pack_number(to, leases[i] = unpack(&at));
        to = pack_number(to, sequences[i] = unpack(&at));
        to = pack_number(to, unpack(&at));                      /* the seat */
        unpack(&at);                                            /* STEP */
        to = pack_number(pack_number(to, OBS), MOVE);
        to = pack_number(to, unpack(&at));                      /* the request */
        const size_t size = unpack(&at);
        to = pack_bytes(to, at, size);
        at += size;
    }
    say(worker.socket, out, to);
    worker.done += (uint64_t)count;
    for (int i = 0; i < count; i++) save(leases[i], (uint32_t)sequences[i]);
}

static void work(int size) {
    const uint64_t lease = get(in + 2, 8);
    uint8_t *at;
    switch (in[1]) {
    case EVENT: play(in + HEAD, (size_t)size - HEAD); return;
    case EVENT_MANY: play_many(in + HEAD); return;
    case OPEN:
        /* the last field is the list of events to play again */
        if (in[size - 1] != 0x90) die("a match was moved here; there is nothing to take it up", NULL, 0);
        at = put(put(put(put(put_head(out, OUT, lease, 0), 0, 2), SEATED, 1), MOVE, 1), 0, 4);
        say(worker.socket, out, put_bytes(at, worker.seated.bytes, worker.seated.size));
        worker.done++;
        return;
    case W_PING:
        at = put(put_head(out, W_PONG, 0, 0), 0x91, 1);
        say(worker.socket, out, put(put(at, 0xcf, 1), worker.done, 8));
        return;
    case SPEC: case CLOSE: return;
    default: die("the hub says what was not expected: ", in + HEAD, (size_t)size - HEAD);
    }
}

/* Serves until its parent is gone; as a worker, or by sending back whatever comes. */
static void run_server(const char *endpoint, int is_worker) {
    void *socket = worker.socket = zmq_socket(zmq_ctx_new(), ZMQ_DEALER);
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    const pid_t parent = getppid();
    secure(socket);
    if (zmq_connect(socket, endpoint) < 0) die("cannot connect", NULL, 0);
    if (is_worker) say(socket, worker.ready.bytes, worker.ready.bytes + worker.ready.size);
    while (getppid() == parent) {
        int size, more = 0;
        size_t more_size = sizeof more;
        if (zmq_poll(&item, 1, 500) < 0) die("cannot poll", NULL, 0);
        while ((size = zmq_recv(socket, in, sizeof in, ZMQ_DONTWAIT)) >= 0) {
            if (is_worker) { work(size); continue; }
            zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size);
            if (zmq_send(socket, in, (size_t)size, more ? ZMQ_SNDMORE : 0) < 0) die("cannot send", NULL, 0);
        }
    }
}

int main(int n, char **said) {
    const char *mode = n > 2 ? said[1] : "";
    if (n == 2 && !strcmp(said[1], "check")) return 0;
    if (!strcmp(mode, "echo")) {
        run_server(said[2], 0);
    } else if (!strcmp(mode, "worker") && n == 7) {
        worker.ready = from_hex(said[3]), worker.seated = from_hex(said[4]), worker.end = from_hex(said[5]);
        worker.every = (uint32_t)atoi(said[6]);
        run_server(said[2], 1);
    } else if (n >= 9 && n <= 10) {
        load.raw = !strcmp(mode, "raw"), load.many = !strcmp(mode, "many");
        load.crowd = !strcmp(mode, "crowd"), load.seats = atoi(said[4]);
        load.hello = from_hex(said[6]), load.join = from_hex(said[7]);
        for (char *hex = strtok(said[8], ","); hex && load.n_moves < MAX_MOVES; hex = strtok(NULL, ","))
            load.moves[load.n_moves++] = from_hex(hex);
        if (n == 10) load.reset = from_hex(said[9]);
        run_load(said[2], atoi(said[3]), atof(said[5]));
    } else {
        die("see the head of bench_load.c for what it wants to be told", NULL, 0);
    }
    return 0;
}
