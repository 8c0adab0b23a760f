
/* Added by dlwt to Lwt's own lwt_unix.h. */

#ifndef DLWT_UNIX_H
#define DLWT_UNIX_H

/* Sends a notification to the domain that made it. Any thread, with or without a domain,
   and signal handlers. */
void dlwt_mailbox_send_notification(intnat id);
#define lwt_unix_send_notification dlwt_mailbox_send_notification

#endif
