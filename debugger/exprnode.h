/* The tree of a compiled expression: between its parser (expr.c) and its evaluator (exprrun.c). */
#ifndef DEBUGGER_EXPRNODE_H
#define DEBUGGER_EXPRNODE_H

#include "debugger/expr.h"

enum node_kind {
    NODE_NUMBER, NODE_FLOAT, NODE_VARIABLE, NODE_FUNCTION, NODE_SYMBOL, NODE_REGISTER, NODE_CONVENIENCE,
    NODE_NEG, NODE_NOT, NODE_INVERT, NODE_DEREF, NODE_ADDRESS, NODE_CAST, NODE_SIZEOF,
    NODE_MUL, NODE_DIV, NODE_MOD, NODE_ADD, NODE_SUB, NODE_SHL, NODE_SHR, NODE_LT, NODE_LE, NODE_GT, NODE_GE,
    NODE_EQ, NODE_NE, NODE_AND, NODE_XOR, NODE_OR, NODE_LOGAND, NODE_LOGOR,
    NODE_INDEX, NODE_MEMBER, NODE_ARROW, NODE_ASSIGN, NODE_COND, NODE_AT, NODE_COMMA, NODE_CALL, NODE_ARGUMENT,
};

struct node {
    enum node_kind kind;
    enum node_kind op; /* of NODE_ASSIGN: the operation of `+=`; NODE_ASSIGN itself for `=` */
    struct node *a, *b, *c; /* of NODE_CALL: a list of NODE_ARGUMENTs, each its value in a and the next one in b */
    u64 number;
    double real;
    const char *name;
    struct type *type; /* of numbers and casts */
    Dwarf_Die die;
    struct symfile *file;
    const struct symbol *symbol;
};

struct expr {
    struct arena *arena;
    const char *text;
    struct node *root;
};

#endif
