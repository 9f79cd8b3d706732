/* A guest for the debugger's tests: lines, locals, types and calls to look at. Line numbers matter. */
typedef unsigned long u64;
typedef unsigned int u32;
enum color { RED, GREEN = 5, BLUE };
struct point {
    int x, y;
};
struct node {
    u64 key;
    struct node *next;
    struct point at;
    enum color color;
    unsigned flag_a : 3, flag_b : 5;
    char name[16];
    union {
        u32 word;
        unsigned char byte[4];
    };
};
volatile u64 counter;
int table[10] = { 3, 1, 4, 1, 5, 9, 2, 6, 5, 3 };
struct node nodes[3];
const char *greeting = "hello, guest";
double ratio = 2.5;
int matrix[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
static int (*callback)(int);

__attribute__((noinline)) static int leaf(int v)
{
    counter += (u64)v;
    return v * 2;
}

__attribute__((noinline)) int recurse(int depth)
{
    int here = depth * 3;
    if (depth == 0)
        return leaf(here);
    int below = recurse(depth - 1);
    return below + here;
}

static inline __attribute__((always_inline)) int inlined(int a)
{
    int twice = a + a;
    counter += twice;
    return twice + 1;
}

__attribute__((noinline)) int sum_table(int *values, int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += values[i];
    return sum;
}

__attribute__((noinline)) void build_list(void)
{
    for (int i = 0; i < 3; i++) {
        nodes[i].key = 100 + (u64)i;
        nodes[i].next = i < 2 ? &nodes[i + 1] : 0;
        nodes[i].at.x = i;
        nodes[i].at.y = -i;
        nodes[i].color = i ? BLUE : GREEN;
        nodes[i].flag_a = (unsigned)i;
        nodes[i].flag_b = 17;
        nodes[i].name[0] = (char)('a' + i);
    }
}

int main(void)
{
    int total = 0;
    build_list();
    total += sum_table(table, 10);
    total += recurse(3);
    callback = leaf;
    total += callback(7);
    total += inlined(total);
    counter = (u64)total;
    return total;
}
