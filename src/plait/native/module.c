/* The module plait.native._native: its method table, and nothing else. */

#include "native.h"

static PyMethodDef methods[] = {
    {"allocate", plait_allocate_space, METH_VARARGS, NULL},
    {"copy_files", plait_copy_files, METH_VARARGS, NULL},
    {"copy_range", plait_copy_range, METH_VARARGS, NULL},
    {"scan", plait_scan, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "plait.native._native",
    .m_doc = "The C half of plait.native; each function is documented at its twin in plait.native.pure.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
