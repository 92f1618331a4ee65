/* The shape that a B-tree takes when keys are inserted one by one; keys are numbers, their places in order. */

#include "native.h"

#include <stdlib.h>
#include <string.h>

enum { GREATEST_ORDER = 64, GREATEST_DEPTH = 32 };

typedef struct {
    uint32_t count; /* of keys */
    uint32_t keys[GREATEST_ORDER];
    uint32_t children[GREATEST_ORDER + 1];
    int inner;
} Node;

typedef struct {
    Node *nodes;
    size_t count, capacity;
    uint32_t order, root;
} Tree;

/* The index of a new node, or UINT32_MAX where there is no memory. */
static uint32_t
tree_node(Tree *tree, int inner)
{
    if (tree->count == tree->capacity) {
        size_t wanted = tree->capacity == 0 ? 64 : 2 * tree->capacity;
        Node *moved = wanted > UINT32_MAX ? NULL : realloc(tree->nodes, wanted * sizeof(Node));
        if (moved == NULL) {
            return UINT32_MAX;
        }
        tree->nodes = moved;
        tree->capacity = wanted;
    }
    tree->nodes[tree->count] = (Node){.inner = inner};
    return (uint32_t)tree->count++;
}

/* How many keys of the node are not greater. */
static uint32_t
not_greater(const Node *node, uint32_t key)
{
    uint32_t low = 0, high = node->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (node->keys[middle] <= key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void
insert_at(uint32_t *array, uint32_t count, uint32_t index, uint32_t value)
{
    memmove(array + index + 1, array + index, (count - index) * sizeof *array);
    array[index] = value;
}

/* Moves the right half of a full node to a new one; gives the key between them. Returns UINT32_MAX without memory. */
static uint32_t
split(Tree *tree, uint32_t left, uint32_t *between)
{
    uint32_t right = tree_node(tree, tree->nodes[left].inner);
    if (right == UINT32_MAX) {
        return right;
    }
    Node *from = tree->nodes + left, *to = tree->nodes + right;
    uint32_t cut = (from->count + 1) / 2 - 1, first = from->inner ? cut + 1 : cut;
    *between = from->keys[cut];
    to->count = from->count - first;
    memcpy(to->keys, from->keys + first, to->count * sizeof *to->keys);
    if (from->inner) {
        memcpy(to->children, from->children + first, (to->count + 1) * sizeof *to->children);
    }
    from->count = cut;
    return right;
}

/* Returns 0 where there is no memory. */
static int
insert(Tree *tree, uint32_t key)
{
    uint32_t path[GREATEST_DEPTH], places[GREATEST_DEPTH], depth = 0, at = tree->root;
    while (tree->nodes[at].inner) {
        uint32_t place = not_greater(tree->nodes + at, key);
        path[depth] = at;
        places[depth++] = place;
        at = tree->nodes[at].children[place];
    }
    Node *node = tree->nodes + at;
    insert_at(node->keys, node->count, not_greater(node, key), key);
    node->count++;
    while (tree->nodes[at].count >= tree->order) {
        uint32_t between, right = split(tree, at, &between);
        if (right == UINT32_MAX) {
            return 0;
        }
        if (depth == 0) {
            uint32_t root = tree_node(tree, 1);
            if (root == UINT32_MAX) {
                return 0;
            }
            node = tree->nodes + root;
            node->count = 1;
            node->keys[0] = between;
            node->children[0] = at;
            node->children[1] = right;
            tree->root = root;
            return 1;
        }
        depth--;
        at = path[depth];
        node = tree->nodes + at;
        insert_at(node->keys, node->count, places[depth], between);
        insert_at(node->children, node->count + 1, places[depth] + 1, right);
        node->count++;
    }
    return 1;
}

/* Writes how much each node of a level holds, keys of a leaf or children of an inner node; `level` becomes the next
 * lower level. Returns the number of nodes of that one, 0 below the leaves. */
static size_t
describe(const Tree *tree, uint32_t **level, size_t count, uint32_t *sizes)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const Node *node = tree->nodes + (*level)[i];
        sizes[i] = node->inner ? node->count + 1 : node->count;
        total += sizes[i];
    }
    if (!tree->nodes[**level].inner) {
        return 0;
    }
    uint32_t *below = malloc(total * sizeof *below);
    size_t at = 0;
    for (size_t i = 0; below != NULL && i < count; i++) {
        const Node *node = tree->nodes + (*level)[i];
        memcpy(below + at, node->children, sizes[i] * sizeof *below);
        at += sizes[i];
    }
    free(*level);
    *level = below;
    return below == NULL ? 0 : total;
}

/* The levels, leaves first, or NULL with an exception set. */
static PyObject *
levels(const Tree *tree)
{
    PyObject *list = PyList_New(0);
    uint32_t *level = malloc(sizeof *level);
    size_t count = 1;
    if (level != NULL) {
        *level = tree->root;
    }
    while (list != NULL && level != NULL && count != 0) {
        PyObject *sizes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(uint32_t)));
        if (sizes == NULL) {
            Py_CLEAR(list);
            break;
        }
        count = describe(tree, &level, count, (uint32_t *)PyBytes_AsString(sizes));
        if (PyList_Insert(list, 0, sizes) < 0) {
            Py_CLEAR(list);
        }
        Py_DECREF(sizes);
    }
    if (list != NULL && level == NULL) {
        Py_CLEAR(list);
        PyErr_NoMemory();
    }
    free(level);
    return list;
}

PyObject *
plait_tree_shape(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer ranks;
    Py_ssize_t order;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "y*n:tree_shape", &ranks, &order)) {
        return NULL;
    }
    if (order < 4 || order > GREATEST_ORDER || ranks.len % (Py_ssize_t)sizeof(uint32_t) != 0) {
        PyErr_SetString(PyExc_ValueError, "the order has to be from 4 to 64, and the places whole numbers of 32 bits");
    } else {
        Tree tree = {.order = (uint32_t)order};
        const uint32_t *keys = ranks.buf;
        size_t count = (size_t)ranks.len / sizeof *keys;
        int enough;
        Py_BEGIN_ALLOW_THREADS
        tree.root = tree_node(&tree, 0);
        enough = tree.root != UINT32_MAX;
        for (size_t i = 0; enough && i < count; i++) {
            enough = insert(&tree, keys[i]);
        }
        Py_END_ALLOW_THREADS
        result = enough ? levels(&tree) : PyErr_NoMemory();
        free(tree.nodes);
    }
    PyBuffer_Release(&ranks);
    return result;
}
