/* `orrery img`: making, looking at and mending disk images. */
#ifndef CLI_IMG_H
#define CLI_IMG_H

/* argv[0] is "img". Exit status: 0 done; 1 failed, or compare found a difference; 2 usage, or check found damage,
 * or compare failed; 3 check found leaks only. */
int img_main(int argc, char **argv);

#endif
