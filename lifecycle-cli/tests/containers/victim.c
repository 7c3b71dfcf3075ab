/* Says when a signal comes, works on for as long as it is told, and exits; `never` does not exit.
 * Answers on a port meanwhile, for whoever asks whether it is ready. Static, and so a whole image.
 *
 * victim MILLISECONDS|never [PORT[,PORT…] [everywhere]] */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    printf("%lld %s\n", (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000, what);
    fflush(stdout);
}

/* A thread each: one client that says nothing keeps nobody waiting. */
static void *serve(void *accepted) {
    static const char good[] = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    char request[4096];
    int client = (int)(intptr_t)accepted;
    if (read(client, request, sizeof request) > 0)
        (void)!write(client, good, sizeof good - 1);
    close(client);
    return NULL;
}

static void *answer(void *listener) {
    for (;;) {
        int client = accept((int)(intptr_t)listener, NULL, NULL);
        pthread_t thread;
        if (client < 0)
            continue;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)client))
            close(client);
        else
            pthread_detach(thread);
    }
    return NULL;
}

static void listen_on(int port, in_addr_t where) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(where);
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64)) {
        perror("victim");
        exit(1);
    }
    pthread_t thread;
    pthread_create(&thread, NULL, answer, (void *)(intptr_t)listener);
}

int main(int count, char **words) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGQUIT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    for (char *port = count > 2 ? strtok(words[2], ",") : NULL; port; port = strtok(NULL, ","))
        listen_on(atoi(port), count > 3 ? INADDR_ANY : INADDR_LOOPBACK);
    say("ready");
    for (;;) {
        int number;
        sigwait(&signals, &number);
        say(number == SIGTERM ? "SIGTERM" : number == SIGINT ? "SIGINT" : "SIGQUIT");
        if (count > 1 && strcmp(words[1], "never") == 0)
            continue;
        long left = count > 1 ? atol(words[1]) : 0;
        struct timespec work = {left / 1000, left % 1000 * 1000000};
        nanosleep(&work, NULL);
        say("exit");
        return 0;
    }
}
