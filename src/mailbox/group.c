/*
 * Transactions of the writer: a group of inserts, deletions and counted attempts; a group of
 * burials; the last things before closing. Writer thread only.
 *
 * A group succeeds or fails as a whole. When it fails, inserts and counts are answered with the
 * error (their senders are told), and deletions and burials, which were promised, are kept and go
 * first in the next try. A checkpoint is tried then: with a full disk it is what makes room in the
 * log.
 */
#include "mailbox/sqlite_internal.h"

static struct op *op_of(struct actr__list *link)
{
	return container_of(link, struct op, link);
}

static struct entry *entry_of_op(struct op *op)
{
	return container_of(op, struct entry, op);
}

static void finish(struct writer *w, struct op *op, int rc)
{
	op->rc = rc;
	actr__list_push(&w->finished, &op->link);
}

/* --- inserts, deletions, attempts --- */

static int count_attempts(struct mail_db *db, const struct bump *bump, actr_error *err)
{
	for (unsigned i = 0; i < bump->count; i++)
		ACTR_TRY(mail_db_count_attempt(db, bump->ids[i], false, err));
	return 0;
}

static int apply(struct mail_db *db, struct op *op, actr_error *err)
{
	switch (op->kind) {
	case OP_INSERT:
		return mail_db_insert(db, entry_of_op(op), err);
	case OP_DELETE:
	case OP_BURY:
		return mail_db_delete(db, entry_of_op(op)->mail.id, err);
	case OP_BUMP:
		return count_attempts(db, container_of(op, struct bump, op), err);
	default:
		return 0; /* a letter has nothing in the mailbox file */
	}
}

static bool needs_sync(const struct actr__list *ops)
{
	actr__list_each(link, ops)
	{
		struct op *op = op_of(link);

		if (op->kind == OP_INSERT || op->kind == OP_BUMP)
			return true;
	}
	return false;
}

static int apply_all(struct mail_db *db, struct actr__list *ops, actr_error *err)
{
	ACTR_TRY(mail_db_begin(db, needs_sync(ops), err));
	actr__list_each(link, ops) ACTR_TRY(apply(db, op_of(link), err));
	return mail_db_commit(db, err);
}

static int transact(struct writer *w, struct actr__list *ops)
{
	uint64_t reserved = w->mails.reserved_seq;
	int rc = apply_all(&w->mails, ops, &w->state.error);

	if (rc < 0) {
		sql_rollback(w->mails.db);
		w->mails.reserved_seq = reserved;
		mail_db_checkpoint(&w->mails);
	}
	w->state.failed = rc < 0;
	w->state.groups += rc == 0;
	return rc;
}

void group_run(struct writer *w, struct actr__list *ops)
{
	struct actr__list all, *link;
	int rc;

	actr__list_init(&all);
	actr__list_splice(&all, &w->kept_deletes);
	actr__list_splice(&all, ops);
	if (actr__list_empty(&all))
		return;
	rc = transact(w, &all);
	while ((link = actr__list_pop(&all))) {
		struct op *op = op_of(link);

		if (rc < 0 && op->kind == OP_DELETE)
			actr__list_push(&w->kept_deletes, &op->link);
		else
			finish(w, op, rc);
	}
}

/* --- burials --- */

static int put_letter(struct writer *w, struct op *op)
{
	struct letter_scratch scratch;

	if (op->kind == OP_LETTER)
		return letter_db_put(&w->letters, &container_of(op, struct letter_copy, op)->letter,
				     &w->state.error);
	letter_of_entry(&scratch, entry_of_op(op), w->origin);
	return letter_db_put(&w->letters, &scratch.letter, &w->state.error);
}

static int put_all(struct writer *w, struct actr__list *ops)
{
	ACTR_TRY(letter_db_begin(&w->letters, &w->state.error));
	actr__list_each(link, ops) ACTR_TRY(put_letter(w, op_of(link)));
	ACTR_TRY(letter_db_trim(&w->letters, &w->state.error));
	return letter_db_commit(&w->letters, &w->state.error);
}

static int bury_all(struct writer *w, struct actr__list *ops)
{
	uint64_t bytes = w->letters.bytes;
	int rc = put_all(w, ops);

	if (rc < 0) {
		sql_rollback(w->letters.db);
		w->letters.bytes = bytes;
		ACTR_WARN(9, "mailbox_error", "what=dead_letters_wait cause=\"%s\"",
			  w->state.error.message);
		return rc;
	}
	return transact(w, ops);
}

void group_bury(struct writer *w, struct actr__list *ops)
{
	struct actr__list all, *link;
	int rc;

	actr__list_init(&all);
	actr__list_splice(&all, &w->kept_burials);
	actr__list_splice(&all, ops);
	if (actr__list_empty(&all))
		return;
	rc = bury_all(w, &all);
	if (rc < 0) {
		actr__list_splice(&w->kept_burials, &all);
		return;
	}
	while ((link = actr__list_pop(&all)))
		finish(w, op_of(link), 0);
	(void)letter_db_count(&w->letters, &w->state.letters, NULL); /* only a figure */
}

/* --- closing --- */

static int uncount(struct writer *w, const struct close_op *op)
{
	ACTR_TRY(mail_db_begin(&w->mails, true, NULL));
	for (size_t i = 0; i < op->count; i++)
		ACTR_TRY(mail_db_count_attempt(&w->mails, op->uncount[i], true, NULL));
	return mail_db_commit(&w->mails, NULL);
}

static void give_up(struct writer *w, struct actr__list *kept)
{
	struct actr__list *link;

	while ((link = actr__list_pop(kept)))
		finish(w, op_of(link), ACTR_E_STORAGE);
}

void group_close(struct writer *w, struct close_op *op)
{
	struct actr__list none;

	actr__list_init(&none);
	group_run(w, &none);
	group_bury(w, &none);
	if (op->count && uncount(w, op) < 0)
		sql_rollback(w->mails.db);
	if (!actr__list_empty(&w->kept_deletes) || !actr__list_empty(&w->kept_burials))
		ACTR_ERR(9, "mailbox_error", "what=closed_unclean cause=\"%s\"",
			 w->state.error.message);
	give_up(w, &w->kept_deletes);
	give_up(w, &w->kept_burials);
	mail_db_close(&w->mails);
	letter_db_close(&w->letters);
	finish(w, &op->op, 0);
}
