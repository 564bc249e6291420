/*
 * The machine's clock, set ahead or back by the seconds that the file named by CLOCK_FILE holds, for a process that this is
 * preloaded into. What waits until a time of that clock wakes when the clock reaches it, as the kernel has it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS 20000000LL
#define SECOND_NS 1000000000LL

static long long ahead(void) {
    const char *path = getenv("CLOCK_FILE");
    char text[32] = {0};
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    return length > 0 ? atoll(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += ahead();
    return result;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec time;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &time);
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    if (now) *now = time.tv_sec;
    return time.tv_sec;
}

int timespec_get(struct timespec *now, int base) {
    clock_gettime(CLOCK_REALTIME, now);
    return base;
}

/* Puts into `slice` the time to wait until at first; whether that is before the end of the wait. */
static int sliced(const struct timespec *until, struct timespec *slice) {
    syscall(SYS_clock_gettime, CLOCK_REALTIME, slice);
    long long left = (until->tv_sec - slice->tv_sec - ahead()) * SECOND_NS + until->tv_nsec - slice->tv_nsec;
    long long part = left < 0 ? 0 : left > SLICE_NS ? SLICE_NS : left;
    slice->tv_nsec += part;
    slice->tv_sec += slice->tv_nsec / SECOND_NS;
    slice->tv_nsec %= SECOND_NS;
    return part < left;
}

/* To wake for nothing is allowed; whoever waits looks and waits again. */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec slice;
    if (!real) *(void **)&real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    int goes_on = sliced(until, &slice);
    int result = real(condition, mutex, &slice);
    return result == ETIMEDOUT && goes_on ? 0 : result;
}

int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until) {
    static int (*real)(cnd_t *, mtx_t *, const struct timespec *);
    struct timespec slice;
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "cnd_timedwait");
    int goes_on = sliced(until, &slice);
    int result = real(condition, mutex, &slice);
    return result == thrd_timedout && goes_on ? thrd_success : result;
}
