/*
 * The heap (that of the main thread, which brk moves) in huge pages, once it is large. A table of
 * 100,000 routes has 11,500 pages of 4 KiB, more than a TLB holds: a look-up of a host that was not
 * asked for lately misses it again and again, and behind a hypervisor each miss walks two page
 * tables. Small heaps stay as they are: they would only grow by it.
 */
#ifndef GATEWAY_CORE_HEAP_H
#define GATEWAY_CORE_HEAP_H

/*
 * What the heap grew by since the call before goes into huge pages, if it is 8 MiB or more; the
 * first call only looks where the heap ends. It copies what is there (46 MiB in 20 to 60 ms), and
 * does nothing where the kernel has none to give (/sys/kernel/mm/transparent_hugepage/enabled is
 * "never"); before Linux 6.1 the kernel gets to it in time. For one thread.
 */
void heap_settle(void);

#endif
