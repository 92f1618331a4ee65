/* The module plait.native._native: its method table and what it holds, and nothing else. */

#include "native.h"

static PyMethodDef methods[] = {
    {"allocate", plait_allocate_space, METH_VARARGS, NULL},
    {"copy_files", plait_copy_files, METH_VARARGS, NULL},
    {"copy_range", plait_copy_range, METH_VARARGS, NULL},
    {"count_prefixes", plait_count_prefixes, METH_VARARGS, NULL},
    {"cut_points", plait_cut_points, METH_VARARGS, NULL},
    {"entropy", plait_entropy, METH_VARARGS, NULL},
    {"exchange", plait_exchange, METH_VARARGS, NULL},
    {"find_records", plait_find_records, METH_VARARGS, NULL},
    {"location_records", plait_location_records, METH_VARARGS, NULL},
    {"locations", plait_locations, METH_VARARGS, NULL},
    {"md5_each_part", plait_md5_each_part, METH_VARARGS, NULL},
    {"md5_files", plait_md5_files, METH_VARARGS, NULL},
    {"md5_parts", plait_md5_parts, METH_VARARGS, NULL},
    {"open_blob", plait_open_blob, METH_VARARGS, NULL},
    {"open_blobs", plait_open_blobs, METH_VARARGS, NULL},
    {"open_stream", plait_open_stream, METH_VARARGS, NULL},
    {"rename_files", plait_rename_files, METH_VARARGS, NULL},
    {"same_files", plait_same_files, METH_VARARGS, NULL},
    {"read_file", plait_read_file, METH_VARARGS, NULL},
    {"read_files", plait_read_files, METH_VARARGS, NULL},
    {"scan", plait_scan, METH_O, NULL},
    {"scan_below", plait_scan_below, METH_VARARGS, NULL},
    {"scan_pages", plait_scan_pages, METH_VARARGS, NULL},
    {"seal_stream", plait_seal_stream, METH_VARARGS, NULL},
    {"sort_records", plait_sort_records, METH_VARARGS, NULL},
    {"tree_shape", plait_tree_shape, METH_VARARGS, NULL},
    {"wal_checksum", plait_wal_checksum, METH_VARARGS, NULL},
    {"whirlpool", plait_whirlpool, METH_VARARGS, NULL},
    {"write_file", plait_write_file, METH_VARARGS, NULL},
    {"write_files", plait_write_files, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int
execute(PyObject *module)
{
    PlaitState *state = PyModule_GetState(module);
    state->pages_type = plait_pages_type(module);
    if (state->pages_type == NULL) {
        return -1;
    }
    return PyModule_AddIntConstant(module, "SEALS", plait_seals());
}

static int
traverse(PyObject *module, visitproc visit, void *arg)
{
    PlaitState *state = PyModule_GetState(module);
    Py_VISIT(state->pages_type);
    return 0;
}

static int
clear(PyObject *module)
{
    PlaitState *state = PyModule_GetState(module);
    Py_CLEAR(state->pages_type);
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "plait.native._native",
    .m_doc = "The C half of plait.native; each function is documented at its twin in plait.native.pure.",
    .m_size = sizeof(PlaitState),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
};

PyMODINIT_FUNC
PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
