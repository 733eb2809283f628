/* The load and the echo behind `netsiege bench hub`, in C so that they do not hide the hub's own speed.
 *
 *   bench_load raw    ENDPOINT SOCKETS 1     SECONDS - - FRAME            frames that come back as they went
 *   bench_load step   ENDPOINT SOCKETS 1     SECONDS HELLO JOIN MOVES     a STEP at a time on each socket
 *   bench_load many   ENDPOINT SOCKETS SEATS SECONDS HELLO JOIN MOVES [RESET]
 *                                          STEP_MANY with all seats of a socket; after the last move of the
 *                                          list every seat is RESET, if the body of a RESET is given
 *   bench_load worker ENDPOINT READY SEATED END SNAPSHOT_EVERY            an engine whose games go nowhere
 *   bench_load echo   ENDPOINT                                            sends every message back
 *   bench_load check                                                      nothing: that it can be started
 *
 * HELLO and READY are whole frames, MOVES (joined by commas), JOIN, RESET, SEATED and END are bodies, all in
 * hexadecimal. Each socket has one message under way: it sends the next when the answer is there. A load says
 * "begin" when everybody is seated and has warmed up, and SECONDS later "end COUNT SECONDS P50": answers
 * (or answered steps), what it really took, and the median round trip in microseconds. What it does not
 * expect ends it with exit code 1 and a line on stderr. Matches have one seat each. netsiege/protocol
 * explains the frames.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What is used of libzmq, so that its header need not be installed: its binary interface is stable. */
typedef struct { void *socket; int fd; short events, revents; } zmq_pollitem_t;
void *zmq_ctx_new(void);
int zmq_ctx_term(void *context);
void *zmq_socket(void *context, int type);
int zmq_setsockopt(void *socket, int option, const void *value, size_t size);
int zmq_getsockopt(void *socket, int option, void *value, size_t *size);
int zmq_connect(void *socket, const char *endpoint);
int zmq_close(void *socket);
int zmq_send(void *socket, const void *bytes, size_t size, int flags);
int zmq_recv(void *socket, void *bytes, size_t size, int flags);
int zmq_poll(zmq_pollitem_t *items, int count, long timeout_ms);
enum { ZMQ_DEALER = 5, ZMQ_RCVMORE = 13, ZMQ_LINGER = 17, ZMQ_DONTWAIT = 1, ZMQ_SNDMORE = 2, ZMQ_POLLIN = 1 };

enum {
    HELLO = 1, JOIN = 2, STEP = 3, STEP_MANY = 4, RESET = 5, LEAVE = 6, BYE = 8,
    WELCOME = 16, SEATED = 17, OBS = 18, OBS_MANY = 19, WAIT = 20, END = 21, ERROR = 22, PONG = 23,
    SPEC = 48, OPEN = 49, EVENT = 50, EVENT_MANY = 51, CLOSE = 52, W_PING = 54,
    OUT = 65, OUT_MANY = 66, SNAPSHOT = 67, W_PONG = 68
};
enum { VERSION = 1, HEAD = 14, EVENT_HEAD = 7, MOVE = 1, OVER = 2 };
enum { MAX_FRAME = 1 << 24, MAX_MOVES = 4096, MAX_BATCH = 1 << 17, SNAPSHOT_BYTES = 300, SETUP_S = 30 };

static uint8_t in[MAX_FRAME], out[MAX_FRAME];

static void die(const char *what, const uint8_t *detail, size_t size) {
    fprintf(stderr, "bench_load: %s", what);
    for (size_t i = 0; i < size && i < 600; i++)
        if (detail[i] >= ' ' && detail[i] < 127) fputc(detail[i], stderr);
    fputc('\n', stderr);
    exit(1);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* --- numbers and frames, big-endian ------------------------------------------------------------------- */

static uint8_t *put(uint8_t *at, uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--, value >>= 8) at[i] = (uint8_t)value;
    return at + bytes;
}

static uint64_t get(const uint8_t *at, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value = value << 8 | at[i];
    return value;
}

/* Both heads: version, kind, seat or lease, request or sequence. */
static uint8_t *put_head(uint8_t *at, int kind, uint64_t about, uint32_t number) {
    at = put(put(at, VERSION, 1), (uint64_t)kind, 1);
    return put(put(at, about, 8), number, 4);
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t size) {
    memcpy(at, bytes, size);
    return at + size;
}

/* --- msgpack: numbers, byte strings and the length of a list -------------------------------------------- */

static uint8_t *pack_number(uint8_t *at, uint64_t value) {
    if (value < 128) return put(at, value, 1);
    if (value < 1u << 16) return put(put(at, 0xcd, 1), value, 2);
    if (value < 1ull << 32) return put(put(at, 0xce, 1), value, 4);
    return put(put(at, 0xcf, 1), value, 8);
}

static uint8_t *pack_bytes(uint8_t *at, const void *bytes, size_t size) {
    at = size < 256 ? put(put(at, 0xc4, 1), size, 1) : put(put(at, 0xc6, 1), size, 4);
    return put_bytes(at, bytes, size);
}

static uint8_t *pack_list(uint8_t *at, size_t count) { return put(put(at, 0xdd, 1), count, 4); }

/* The number, or the length of the bytes or list, that begins at *at, which is moved to what follows. */
static uint64_t unpack(const uint8_t **at) {
    const uint8_t mark = *(*at)++;
    int bytes;
    if (mark < 0x80) return mark;
    if ((mark & 0xf0) == 0x90) return mark & 0x0f;
    switch (mark) {
    case 0xcc: case 0xc4: bytes = 1; break;
    case 0xcd: case 0xc5: case 0xdc: bytes = 2; break;
    case 0xce: case 0xc6: case 0xdd: bytes = 4; break;
    case 0xcf: bytes = 8; break;
    default: die("this is no msgpack that was expected", NULL, 0); return 0;
    }
    const uint64_t value = get(*at, bytes);
    *at += bytes;
    return value;
}

/* --- what the command line says ------------------------------------------------------------------------- */

typedef struct { uint8_t *bytes; size_t size; } text_t;

static text_t from_hex(const char *hex) {
    const size_t size = strspn(hex, "0123456789abcdef") / 2;
    text_t text = {malloc(size + 1), size};
    for (size_t i = 0; i < size; i++) {
        unsigned byte;
        sscanf(hex + 2 * i, "%2x", &byte);
        text.bytes[i] = (uint8_t)byte;
    }
    return text;
}

/* --- the load ------------------------------------------------------------------------------------------- */

typedef struct {
    void *socket;
    uint64_t *seats;            /* the handles, as far as they are known */
    int seated, open, next;     /* how many are; answers that are still to come; the move to make */
    uint32_t request;
    double sent_s;
} agent_t;

static struct {
    int raw, many, seats, n_moves, playing, measuring;
    text_t hello, join, moves[MAX_MOVES], reset;
    uint64_t answers, trips;
    uint32_t histogram[1 << 20];    /* in tenths of a microsecond: up to a tenth of a second */
} load;

static void say(void *socket, const uint8_t *frame, const uint8_t *end) {
    if (zmq_send(socket, frame, (size_t)(end - frame), 0) < 0) die("cannot send", NULL, 0);
}

/* JOIN, which concerns no seat yet, or RESET, once for each seat. */
static void ask_for_all(agent_t *agent, int kind, text_t body) {
    for (int i = 0; i < load.seats; i++) {
        uint8_t *end = put_head(out, kind, kind == JOIN ? 0 : agent->seats[i], ++agent->request);
        say(agent->socket, out, put_bytes(end, body.bytes, body.size));
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
    say(agent->socket, out, end);
}

static void answered(agent_t *agent, int count) {
    agent->open -= count;
    if (load.measuring) load.answers += (uint64_t)count;
    if (agent->open > 0) return;
    if (agent->open < 0) die("more answers than questions", NULL, 0);
    if (load.measuring) {
        const double tenths = (now_s() - agent->sent_s) * 1e7;
        load.histogram[tenths < (1 << 20) - 1 ? (int)tenths : (1 << 20) - 1]++;
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
    for (int i = 0; i < 1 << 20; i++) {
        below += load.histogram[i];
        if (2 * below > load.trips) return i / 10.0;
    }
    return 0;
}

/* Hears what comes until then, or until so many agents are ready; returns how many became so. */
static int listen_until(agent_t *agents, zmq_pollitem_t *items, int n, double until_s, int enough) {
    int ready = 0;
    while (now_s() < until_s && ready < enough) {
        if (zmq_poll(items, n, 20) < 0) die("cannot poll", NULL, 0);
        for (int i = 0; i < n; i++) {
            int size;
            if (!(items[i].revents & ZMQ_POLLIN)) continue;
            while ((size = zmq_recv(items[i].socket, in, sizeof in, ZMQ_DONTWAIT)) >= 0) {
                if (load.raw) answered(&agents[i], 1);
                else ready += hear(&agents[i], size);
            }
        }
    }
    return ready;
}

static void run_load(const char *endpoint, int n, double seconds) {
    void *context = zmq_ctx_new();
    agent_t *agents = calloc((size_t)n, sizeof *agents);
    zmq_pollitem_t *items = calloc((size_t)n, sizeof *items);
    const int linger_ms = 1000;
    for (int i = 0; i < n; i++) {
        void *socket = agents[i].socket = items[i].socket = zmq_socket(context, ZMQ_DEALER);
        items[i].events = ZMQ_POLLIN;
        agents[i].request = 1;      /* the HELLO's */
        agents[i].seats = calloc((size_t)load.seats, sizeof *agents[i].seats);
        zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        if (zmq_connect(socket, endpoint) < 0) die("cannot connect", NULL, 0);
        if (!load.raw) say(socket, load.hello.bytes, load.hello.bytes + load.hello.size);
    }
    if (!load.raw && listen_until(agents, items, n, now_s() + SETUP_S, n) < n)
        die("not all were seated", NULL, 0);
    load.playing = 1;
    for (int i = 0; i < n; i++) move(&agents[i]);
    listen_until(agents, items, n, now_s() + 0.15 * seconds, n);     /* to warm up */
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
        if (!load.raw) say(agents[i].socket, out, put_head(out, BYE, 0, ++agents[i].request));
        zmq_close(agents[i].socket);
    }
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
        load.raw = !strcmp(mode, "raw"), load.many = !strcmp(mode, "many"), load.seats = atoi(said[4]);
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
