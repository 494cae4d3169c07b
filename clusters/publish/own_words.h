/*
 * What libevent's evhttp answers by itself, to requests that it cannot parse, is a page of HTML.
 * Here it becomes problem+json, as everything else that the coordinator refuses.
 */
#ifndef CLUSTERS_PUBLISH_OWN_WORDS_H
#define CLUSTERS_PUBLISH_OWN_WORDS_H

struct bufferevent;

/* When the output is one whole page of evhttp: its status with a body of ours. Else nothing. */
void own_words_amend(struct bufferevent *bev);

#endif
