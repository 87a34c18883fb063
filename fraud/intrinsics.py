"""What a ``@kernel`` needs beyond Python: hints to the processor, and views that nobody counts. Results never depend
on them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["borrow", "copy_bytes", "lowest_bit", "prefetch", "word_at"]


def _prefetch(_context: Any, array: Any, index: Any, offset: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        holder = context.make_array(signature.args[0])(context, builder, arguments[0])
        start = builder.add(builder.mul(arguments[1], holder.itemsize), arguments[2])
        place = builder.gep(builder.bitcast(holder.data, cgutils.voidptr_t), [start])
        number = ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [place.type], shape)
        builder.call(function, [place, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), generate


prefetch: Any = intrinsic(_prefetch)
"""``prefetch(array, index, offset)``: have the cache line at byte ``offset`` from an element of a contiguous array
fetched, for reading. State much larger than the caches, touched all over, is waited for otherwise."""


def _borrow(_context: Any, array: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        holder = context.make_array(signature.args[0])(context, builder, arguments[0])
        holder.meminfo = cgutils.get_null_value(holder.meminfo.type)  # type: ignore[no-untyped-call]
        holder.parent = cgutils.get_null_value(holder.parent.type)  # type: ignore[no-untyped-call]
        return holder._getvalue()

    return array(array), generate


borrow: Any = intrinsic(_borrow)
"""``borrow(array)``: the same array without an owner. Numba counts references to the owner of every view that is
handed to another function, atomically, at some 5 ns each; views of a borrowed array cost nothing. Whoever borrows keeps
the owner alive: arguments live as long as the call, an array made in the kernel until it is last named."""


def _word_at(_context: Any, array: Any, offset: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        holder = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(builder.bitcast(holder.data, cgutils.voidptr_t), [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(array, types.intp), generate


word_at: Any = intrinsic(_word_at)
"""``word_at(array, offset)``: the eight bytes from a byte of a contiguous array on, the first of them lowest. Nothing
checks that they are all in the array."""


def _lowest_bit(_context: Any, word: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


lowest_bit: Any = intrinsic(_lowest_bit)
"""``lowest_bit(word)``: number of the lowest bit that is set in a word that is not zero."""


def _copy_bytes(_context: Any, target: Any, at: Any, source: Any, start: Any, size: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        places: list[Any] = []
        for k in (0, 2):
            holder = context.make_array(signature.args[k])(context, builder, arguments[k])
            places.append(builder.gep(builder.bitcast(holder.data, cgutils.voidptr_t), [arguments[k + 1]]))
        cgutils.raw_memcpy(builder, places[0], places[1], arguments[4], 1)  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, types.intp), generate


copy_bytes: Any = intrinsic(_copy_bytes)
"""``copy_bytes(target, at, source, start, size)``: so many bytes from one contiguous array to another, which must not
overlap; both places are bytes from the beginning. Nothing checks that they are in the arrays."""
