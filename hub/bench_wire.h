/* The wire as `bench_load.c` speaks it: what it needs of libzmq, frames, msgpack. netsiege/protocol explains
 * the frames.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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
enum {
    ZMQ_DEALER = 5, ZMQ_ROUTER = 6, ZMQ_POLLIN = 1, ZMQ_DONTWAIT = 1, ZMQ_SNDMORE = 2,
    ZMQ_RCVMORE = 13, ZMQ_LINGER = 17, ZMQ_ROUTER_MANDATORY = 33, ZMQ_CURVE_PUBLICKEY = 48,
    ZMQ_CURVE_SECRETKEY = 49, ZMQ_CURVE_SERVERKEY = 50, ZMQ_CONNECT_ROUTING_ID = 61,
    ZMQ_HEARTBEAT_IVL = 75, ZMQ_HEARTBEAT_TTL = 76, ZMQ_HEARTBEAT_TIMEOUT = 77
};

enum {
    HELLO = 1, JOIN = 2, STEP = 3, STEP_MANY = 4, RESET = 5, LEAVE = 6, BYE = 8,
    WELCOME = 16, SEATED = 17, OBS = 18, OBS_MANY = 19, WAIT = 20, END = 21, ERROR = 22, PONG = 23,
    SPEC = 48, OPEN = 49, EVENT = 50, EVENT_MANY = 51, CLOSE = 52, W_PING = 54,
    OUT = 65, OUT_MANY = 66, SNAPSHOT = 67, W_PONG = 68
};
enum { VERSION = 1, HEAD = 14, EVENT_HEAD = 7, MOVE = 1, OVER = 2 };
enum { MAX_FRAME = 1 << 24, KEY_BYTES = 32 };

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

/* Has a socket that is not connected yet speak CURVE, if the environment has keys for it. */
static void secure(void *socket) {
    const char *hex = getenv("CURVE");
    if (!hex) return;
    const text_t keys = from_hex(hex);
    if (keys.size != 3 * KEY_BYTES) die("CURVE has not three keys", NULL, 0);
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, keys.bytes, KEY_BYTES)
        || zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys.bytes + KEY_BYTES, KEY_BYTES)
        || zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys.bytes + 2 * KEY_BYTES, KEY_BYTES))
        die("this libzmq cannot encrypt", NULL, 0);
    free(keys.bytes);
}

static void say(void *socket, const uint8_t *frame, const uint8_t *end) {
    if (zmq_send(socket, frame, (size_t)(end - frame), 0) < 0) die("cannot send", NULL, 0);
}
