/* Plays every tool of a rehearsal Mac at once: prints what the tool answered to the same words before.
 *
 * It stands in the place of the tool, whose own script lies in $MACSTATE_ROOT/.mac/tools. While the file .mac/answers/record
 * is there it runs that script and keeps what it prints. Without that file it prints what was kept; words that nobody has
 * asked before end with 97 and are noted in .mac/answers/unknown, so that no figure is taken from a wrong answer.
 * As `sudo` it starts the command, as the user: who is root on a rehearsal Mac is a variable. As `shasum` it is this machine's
 * own sum, since a run salts what it sums up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *root, *name;

static void die(const char *what) {
  fprintf(stderr, "answer: %s: %s: %s\n", name, what, strerror(errno));
  exit(96);
}

static char *place(const char *folder, const char *leaf) {
  char *path;
  if (asprintf(&path, "%s/.mac/%s/%s", root, folder, leaf) < 0) die("memory");
  return path;
}

static char *read_all(int from, size_t *size) {
  size_t room = 65536;
  char *text = malloc(room);
  ssize_t got;
  *size = 0;
  while (text && (got = read(from, text + *size, room - *size)) > 0)
    if ((*size += got) == room) text = realloc(text, room *= 2);
  if (!text) die("memory");
  return text;
}

static void write_all(int to, const char *text, size_t size) {
  while (size) {
    ssize_t put = write(to, text, size);
    if (put <= 0) return; /* whoever reads has enough: `head`, `grep -q` */
    text += put, size -= put;
  }
}

static uint64_t mixed(uint64_t sum, const char *text, size_t size) {
  while (size--) sum = (sum ^ (unsigned char)*text++) * 1099511628211u;
  return (sum ^ 256) * 1099511628211u; /* an end that no byte has: "a" "b" is not "ab" */
}

/* Whether the tool is told to read standard input. */
static int reads(char **words) {
  while (*++words)
    if (!strcmp(*words, "-") || !strcmp(*words, "@-")) return 1;
  return 0;
}

static char *kept(const char *file, size_t *size) {
  int from = open(file, O_RDONLY);
  if (from < 0) return NULL;
  char *text = read_all(from, size);
  close(from);
  return text;
}

/* Run the tool itself, and keep in the file: status, length of the output, output, errors. */
static void record(const char *file, char **words, const char *input, size_t length) {
  char draft[5000];
  size_t sizes[2];
  char *texts[2];
  int in[2], outs[2], status;
  const char *ends[2] = {"out", "err"};
  for (int each = 0; each < 2; each++) {
    snprintf(draft, sizeof draft, "%s.%s.%d", file, ends[each], getpid());
    if ((outs[each] = open(draft, O_RDWR | O_CREAT | O_TRUNC, 0644)) < 0) die(draft);
    unlink(draft);
  }
  if (input && pipe(in)) die("pipe");
  pid_t child = fork();
  if (!child) {
    if (input) dup2(in[0], 0), close(in[0]), close(in[1]);
    dup2(outs[0], 1), dup2(outs[1], 2);
    words[0] = place("tools", name);
    execv(words[0], words);
    die(words[0]);
  }
  if (input) close(in[0]), write_all(in[1], input, length), close(in[1]);
  waitpid(child, &status, 0);
  for (int each = 0; each < 2; each++) {
    lseek(outs[each], 0, SEEK_SET);
    texts[each] = read_all(outs[each], &sizes[each]);
  }
  snprintf(draft, sizeof draft, "%s.%d", file, (int)getpid());
  int to = open(draft, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (to < 0) die(draft);
  dprintf(to, "%d %zu\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), sizes[0]);
  for (int each = 0; each < 2; each++) write_all(to, texts[each], sizes[each]);
  close(to);
  if (rename(draft, file)) die(file);
}

static void unknown(int count, char **words) {
  int to = open(place("answers", "unknown"), O_WRONLY | O_CREAT | O_APPEND, 0666);
  for (int each = 0; each < count; each++) dprintf(to, "%s%c", each ? words[each] : name, each + 1 < count ? ' ' : '\n');
  fprintf(stderr, "answer: %s: nobody has asked this before\n", name);
  exit(97);
}

/* Become root, or the user again, as the simulated sudo does, and start the command. */
static void start(char **words) {
  const char *user = "root", *me = getenv("USER");
  int home = 0;
  for (words++; *words && **words == '-'; words++) {
    if (!strcmp(*words, "--")) {
      words++;
      break;
    }
    home |= !!strchr(*words, 'H');
    char *value = strpbrk(*words, "up");
    if (value && !value[1] && words[1]) {
      words++;
      if (*value == 'u') user = *words;
    }
  }
  for (; *words && strchr(*words, '=') && !memchr(*words, '/', strchr(*words, '=') - *words); words++) putenv(*words);
  if (!*words) exit(0);
  if (!strcmp(user, "root")) {
    char *theirs;
    if (asprintf(&theirs, "%s/var/root", root) < 0) die("memory");
    setenv("MACSTATE_AS", "root", 1);
    if (me && strcmp(me, "root")) setenv("SUDO_USER", me, 1);
    setenv("USER", "root", 1), setenv("LOGNAME", "root", 1);
    if (home) setenv("HOME", theirs, 1);
  } else {
    unsetenv("MACSTATE_AS");
    setenv("USER", user, 1), setenv("LOGNAME", user, 1);
  }
  if (**words == '/' && strncmp(*words, root, strlen(root))) {
    char *inside;
    if (asprintf(&inside, "%s%s", root, *words) < 0) die("memory");
    *words = inside;
  }
  execvp(*words, words);
  fprintf(stderr, "sudo: %s: command not found\n", *words);
  exit(1);
}

/* Become the program that computes such a sum. */
static void sum_up(char **words) {
  const char *bits = "1";
  char *program;
  while (words[1] && !strcmp(words[1], "-a") && words[2]) bits = words[2], words += 2;
  if (asprintf(&program, "/usr/bin/sha%ssum", bits) < 0) die("memory");
  *words = program;
  execv(program, words);
  die(program);
}

int main(int count, char **words) {
  char *slash = strrchr(words[0], '/'), file[4096], *input = NULL, *answer;
  size_t length = 0, size;
  name = slash ? slash + 1 : words[0];
  if (!(root = getenv("MACSTATE_ROOT"))) die("MACSTATE_ROOT");
  if (!strcmp(name, "sudo")) start(words);
  if (!strcmp(name, "shasum")) sum_up(words);
  if (reads(words)) input = read_all(0, &length);
  const char *as = getenv("MACSTATE_AS");
  uint64_t sum = mixed(14695981039346656037u, name, strlen(name));
  sum = mixed(sum, as ? as : "", as ? strlen(as) : 0);
  for (int each = 1; each < count; each++) sum = mixed(sum, words[each], strlen(words[each]));
  if (input) sum = mixed(sum, input, length);
  snprintf(file, sizeof file, "%s/.mac/answers/%016llx", root, (unsigned long long)sum);
  answer = kept(file, &size);
  if (!answer) {
    if (access(place("answers", "record"), F_OK)) unknown(count, words);
    record(file, words, input, length);
    answer = kept(file, &size);
    if (!answer) die(file);
  }
  int status = 0, begins = 0;
  size_t first = 0;
  if (sscanf(answer, "%d %zu%n", &status, &first, &begins) != 2) die(file);
  begins++;
  write_all(1, answer + begins, first);
  write_all(2, answer + begins + first, size - begins - first);
  return status;
}
