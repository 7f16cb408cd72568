/*
 * A SQLite VFS for tests: passes everything to the default one, counts writes and syncs, and fails
 * the n-th of them (once, or from then on, like a full disk). Any thread.
 */
#ifndef ACTR_FAULT_VFS_H
#define ACTR_FAULT_VFS_H

#include <sqlite3.h>
#include <stdbool.h>

struct fault_plan {
	long at;    /* the n-th write, sync or truncation from now on fails; 0: none */
	int code;   /* SQLITE_FULL, SQLITE_IOERR_WRITE … */
	bool stays; /* and all after it */
	bool torn;  /* half of the bytes are written first */
};

/* Make it the default VFS of this process. */
int fault_vfs_register(void);
void fault_vfs_plan(struct fault_plan plan);
/*
 * Power cut: from the plan's failing call on nothing is written (plan.stays), and then
 * fault_vfs_cut() makes of each file what a disk may hold: each 512-byte sector as it was at the
 * last sync, or as it was written since, at random. Tracking begins with the next open.
 */
void fault_vfs_track(bool on);
void fault_vfs_cut(unsigned seed);
/* Whether a call has failed since the plan was made. */
bool fault_vfs_hit(void);
/* fsync calls since the start. */
long fault_vfs_syncs(void);

#endif
