/* A kernel with a bug, for docs/user/find-bugs.md and page-tables.md: what the six of them share. Each of the others is one bug. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stddef.h>
#include <stdint.h>

#define HARTS 2
#define STACK_SIZE 4096

/* Each bug has one of these; hart 1 runs only where a test says so. */
void test(unsigned hart);

void say(const char *text);
void say_number(const char *text, long n);
void panic(const char *why) __attribute__((noreturn));
void power_off(void) __attribute__((noreturn));

void *allocate(size_t size); /* NULL: there is no more */
void release(void *p);

void timer_after(uint64_t ticks); /* one interrupt of this hart, which calls tick() */
void tick(void);
void interrupts(int on);
void sleep_until_interrupt(void);

#endif
